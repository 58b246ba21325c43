"""`GET /bars?recorded_since=…`: what was recorded in a span of time."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection

from collector.partitions import BARS, ensure_partitions, forget_known
from tests.integration.rest.rows import at, make_bar, make_bars, make_series, minutes

pytestmark = pytest.mark.django_db

OPEN = at("2026-11-20 14:30")
NOON = at("2026-11-21 12:00")
SECOND = timedelta(seconds=1)


def get(client, status=200, **parameters):
    response = client.get("/bars", {"recorded_since": "2026-11-21T12:00:00Z", **parameters})
    assert response.status_code == status, response.content
    return response.json()


def pages(client, **parameters):
    page = get(client, **parameters)
    yield page["bars"]
    while page["next"]:
        page = get(client, **parameters, after=page["next"])
        yield page["bars"]


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(at("2026-11-22 12:00"), tick=False):
        yield


def test_bars_of_every_series_come_in_the_order_they_were_recorded_when_nothing_else_is_asked_for(client):
    make_bar(make_series("LATE", interval="1d"), at("2026-11-20 00:00"), recorded_at=NOON + 3 * SECOND)
    make_bar(make_series("TWIN", mic="XNAS"), OPEN, recorded_at=NOON + 2 * SECOND)
    make_bar(make_series("TWIN", mic="XLON", calendar="XLON"), OPEN, recorded_at=NOON + SECOND)
    make_bar(make_series("AAPL", hours="extended"), OPEN, recorded_at=NOON)
    make_bar(make_series("AAPL", hours="extended", adjustment="split"), OPEN, recorded_at=NOON + timedelta(hours=9))
    found = get(client)["bars"]
    assert [(b["symbol"], b["mic"], b["interval"], b["hours"], b["adjustment"]) for b in found] == [
        ("AAPL", "XNAS", "1m", "extended", "raw"),
        ("TWIN", "XLON", "1m", "regular", "raw"),
        ("TWIN", "XNAS", "1m", "regular", "raw"),
        ("LATE", "XNAS", "1d", "regular", "raw"),
        ("AAPL", "XNAS", "1m", "extended", "split"),
    ]


def test_span_is_half_open_when_bars_were_recorded_on_both_of_its_ends(client):
    series = make_series()
    for number in range(3):
        make_bar(series, OPEN + number * timedelta(minutes=1), recorded_at=NOON + number * SECOND)
    found = get(client, recorded_until="2026-11-21T12:00:02Z")["bars"]
    assert [bar["recorded_at"] for bar in found] == ["2026-11-21T12:00:00Z", "2026-11-21T12:00:01Z"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 12, 100])
def test_pages_add_up_to_every_bar_once_when_batches_and_gaps_lie_in_them(client, limit):
    daily = make_series("DAY", interval="1d")
    first, second = make_series("A"), make_series("B")
    make_bars(second, minutes(OPEN, 3), recorded_at=NOON)
    make_bars(first, minutes(OPEN, 3), recorded_at=NOON)
    make_bars(first, minutes(at("2026-10-31 23:58"), 4), recorded_at=NOON + timedelta(hours=7, microseconds=1))
    make_bar(daily, at("1962-01-02 00:00"), recorded_at=NOON + timedelta(hours=7, microseconds=1))
    make_bars(second, minutes(at("2026-11-20 15:00"), 1), recorded_at=NOON + timedelta(hours=23, minutes=59))
    found = list(pages(client, limit=limit))
    assert all(len(page) <= limit for page in found)
    bars = [(bar["recorded_at"], bar["symbol"], bar["start"]) for page in found for bar in page]
    assert len(bars) == len(set(bars)) == 12
    assert [recorded for recorded, _, _ in bars] == sorted(recorded for recorded, _, _ in bars)


def test_bar_that_is_corrected_between_two_pages_is_met_again_behind_them(client):
    series = make_series()
    bars = [make_bar(series, start, recorded_at=NOON) for start in minutes(OPEN, 2)]
    page = get(client, limit=1)
    bars[0].rev, bars[0].recorded_at = 2, NOON + SECOND
    bars[0].save()
    rest = get(client, after=page["next"])["bars"]
    assert [(bar["start"], bar["rev"]) for bar in rest] == [("2026-11-20T14:31:00Z", 1), ("2026-11-20T14:30:00Z", 2)]


def test_bar_is_found_when_the_database_s_clock_is_ahead_of_ours(client):
    make_bar(make_series(), OPEN, recorded_at=at("2026-11-22 12:00") + timedelta(minutes=1))
    assert len(get(client)["bars"]) == 1


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"symbol": "TWIN"}, {"XNAS 1m", "XLON 1m", "XNAS 1d"}),
        ({"symbol": ["TWIN", "NOBODY"], "interval": "1m"}, {"XNAS 1m", "XLON 1m"}),
        ({"mic": "XLON"}, {"XLON 1m"}),
        ({"interval": "1d"}, {"XNAS 1d"}),
        ({"hours": "extended"}, set()),
        ({"symbol": "NOBODY"}, set()),
        ({"symbol": "OTHER", "adjustment": "split", "source": "native"}, {"XNAS 1m"}),
    ],
)
def test_filters_leave_what_fits_when_a_symbol_has_several_series(client, filters, expected):
    for series in (
        make_series("TWIN", mic="XNAS"),
        make_series("TWIN", mic="XLON", calendar="XLON"),
        make_series("TWIN", mic="XNAS", interval="1d"),
        make_series("OTHER", adjustment="split"),
    ):
        make_bar(series, at("2026-11-20 00:00"), recorded_at=NOON)
    found = get(client, **filters)["bars"]
    assert {f"{bar['mic']} {bar['interval']}" for bar in found} == expected


@pytest.mark.parametrize(
    ("parameters", "code", "field"),
    [
        ({"as_of": "2026-11-21T12:00:00Z"}, "invalid_parameter", "as_of"),
        ({"start": "2026-11-21T12:00:00Z"}, "invalid_parameter", "start"),
        ({"anchor": "clock"}, "invalid_parameter", "anchor"),
        ({"source": "derived"}, "invalid_parameter", "source"),
        ({"recorded_until": "2026-11-21T12:00:00Z"}, "empty_range", "recorded_until"),
        ({"after": "nonsense"}, "bad_cursor", "after"),
        ({"after": "0.1.0"}, "bad_cursor", "after"),
        ({"after": "9999999999999999.1.0", "recorded_until": "2026-11-22T12:00:00Z"}, "bad_cursor", "after"),
        ({"symbol": ""}, "invalid_parameter", "symbol"),
    ],
)
def test_parameter_that_does_not_fit_is_refused_by_name(client, parameters, code, field):
    error = get(client, status=422, **parameters)["error"]
    assert (error["code"], error["field"]) == (code, field)


def test_end_of_recording_is_refused_without_its_beginning(client):
    response = client.get(
        "/bars", {"symbol": "AAPL", "start": "2026-11-20T00:00:00Z", "recorded_until": "2026-11-21T00:00:00Z"}
    )
    assert (response.status_code, response.json()["error"]["field"]) == (422, "recorded_until")


def test_new_partition_carries_the_index_that_finds_a_span():
    forget_known()
    month = BARS.period_of(at("2031-05-01 00:00"))
    ensure_partitions(BARS, [month])
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT count(*) FROM pg_inherits i JOIN pg_index x ON x.indexrelid = i.inhrelid
                WHERE i.inhparent = 'bar_recorded'::regclass AND x.indrelid = %s::regclass AND x.indisvalid""",
            [BARS.partition_name(month)],
        )
        assert cursor.fetchone()[0] == 1
        cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'bar_recorded'::regclass")
        assert cursor.fetchone()[0]
    forget_known()
