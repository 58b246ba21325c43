"""Stamps without an offset: which zone they are in, and whether they name a bar's begin or its end."""

from dataclasses import replace

import pytest

from providers.errors import (
    MalformedAnswer,
)
from providers.market.types import Interval
from tests.unit.providers.adapters.alpha_vantage.answers import NOON, NOON_US, PAIR, QUERY, answer, at, parse, starts


def test_row_is_read_in_the_zone_that_is_named() -> None:
    batch = parse(answer("2024-01-02 12:00:00")).batch
    columns = (batch.start, batch.open, batch.high, batch.low, batch.close, batch.volume)
    assert [column[0] for column in columns] == [at("2024-01-02T17:00"), 1.5, 2, 1, 1.25, 1000]
    assert starts(answer("2024-01-02 12:00:00", **{"6. Time Zone": "UTC"})) == [at("2024-01-02T12:00")]
    summer = replace(QUERY, end=at("2024-08-01"))
    assert starts(answer("2024-07-02 12:00:00"), summer) == [at("2024-07-02T16:00")]


def test_unknown_zone_is_malformed() -> None:
    with pytest.raises(MalformedAnswer, match="Mars"):
        parse(answer("2024-01-02 12:00:00", **{"6. Time Zone": "Mars/Olympus"}))


@pytest.mark.parametrize("stamp", ["2024-11-03 01:30:00", "2024-03-10 02:30:00"])
def test_time_that_comes_twice_or_never_is_kept_aside_clearly(stamp: str) -> None:
    batch = parse(answer(stamp, "2024-01-02 12:00:00"), replace(QUERY, end=at("2025-01-01"))).batch
    assert batch.start.tolist() == [at("2024-01-02T17:00")]
    assert [row.reason for row in batch.malformed] == [
        f"'{stamp}' comes twice or never in US/Eastern, where the clocks are changed then"
    ]


MINUTE = 60_000_000


@pytest.mark.parametrize(
    ("stamps", "options", "shift"),
    [
        ([NOON], {}, 0),
        ([NOON], {"bar_label": "end"}, -1),
        ([NOON, "2024-01-02 04:00:00"], {"bar_label": "end"}, 0),  # nothing trades before 04:00
        ([NOON, "2024-01-02 20:00:00"], {}, -1),  # nor from 20:00
        ([NOON, "2024-01-02 19:59:00", "2024-01-02 04:01:00"], {}, 0),
        ([NOON, "2024-01-02 20:00:00", "2024-01-02 04:00:00"], {"bar_label": "end"}, 0),  # a late print
        ([NOON, "2024-01-02 09:30:00"], {"bar_label": "end"}, -1),  # before the open there is trading
        ([NOON, "2024-01-02 09:30:00"], {"bar_label": "end", "extended_hours": "false"}, 0),
        ([NOON, "2024-01-02 16:00:00"], {"extended_hours": "false"}, -1),
    ],
)
def test_label_is_seen_from_the_days_ends_else_taken_from_the_account(
    stamps: list[str], options: dict[str, str], shift: int
) -> None:
    assert starts(answer(*stamps), **options)[0] == NOON_US + shift * MINUTE


@pytest.mark.parametrize("first", ["09:00", "09:30"])
def test_first_hour_of_the_session_may_begin_at_the_full_hour(first: str) -> None:
    document = answer("2024-01-02 12:00:00", f"2024-01-02 {first}:00", name="Time Series (60min)")
    query = replace(QUERY, interval=Interval.H1)
    assert starts(document, query, bar_label="end", extended_hours="false")[0] == NOON_US


@pytest.mark.parametrize(("interval", "code"), [(Interval.M15, "15min"), (Interval.H1, "60min")])
@pytest.mark.parametrize(("first", "is_end"), [("04:00", False), ("05:00", True)])
def test_label_of_coarser_bars_is_seen_in_the_first_cell(interval: Interval, code: str, first: str, is_end: bool) -> None:
    document = answer(NOON, f"2024-01-02 {first}:00", name=f"Time Series ({code})")
    read = starts(document, replace(QUERY, interval=interval), bar_label="end" if is_end else "start")
    assert read[0] == NOON_US - (interval.us if is_end else 0)


def test_label_of_pairs_is_the_accounts() -> None:
    document = answer("2024-01-02 20:00:00", name="Time Series Crypto (1min)", **{"2. Symbol": "BTC", "6. Time Zone": "UTC"})
    assert starts(document, PAIR) == [at("2024-01-02T20:00")]


def test_daily_bar_is_stamped_at_its_date_whatever_the_label() -> None:
    document = answer("2024-01-02", name="Time Series (Daily)")
    assert starts(document, replace(QUERY, interval=Interval.D1), bar_label="end") == [at("2024-01-02")]


@pytest.mark.parametrize("stamp", ["timestamp", "time"])
def test_csv_is_read_in_eastern_time(stamp: str) -> None:
    body = f"{stamp},open,high,low,close,volume\r\n2024-01-02 12:00:00,1.5,2,1,1.25,1000\r\n".encode()
    assert starts(body) == [NOON_US]


def test_quarter_hours_do_not_pass_for_five_minutes() -> None:
    five = replace(QUERY, interval=Interval.M5)
    assert len(parse(answer("2024-01-02 09:30:00", name="Time Series (5min)"), five).batch) == 1
    with pytest.raises(MalformedAnswer, match="for 5min, got 'Time Series \\(15min\\)'"):
        parse(answer("2024-01-02 09:30:00", name="Time Series (15min)"), five)


@pytest.mark.parametrize(
    ("first", "last", "starts_at"),
    [
        ("09:31:00", "16:00:00", "14:30"),
        ("09:30:00", "15:59:00", "14:30"),
        ("09:30:00", "16:00:00", "14:30"),
        ("09:31:00", "15:59:00", "14:31"),
        ("09:32:00", "16:00:00", "14:32"),
    ],
)
def test_regular_hours_alone_show_the_label_by_first_and_last_bar_together(first: str, last: str, starts_at: str) -> None:
    days = [f"2024-01-{day:02d} {time}" for day in (3, 2) for time in (last, "12:00:00", first)]
    assert min(starts(answer(*days))) == at(f"2024-01-02T{starts_at}")
