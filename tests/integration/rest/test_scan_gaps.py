"""`manage.py scan_gaps`: what is missing, for people and for programs."""

import json
from datetime import date
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command

from collector.models import Backfill, Coverage
from tests.integration.rest.rows import at, make_coverage, make_series

pytestmark = pytest.mark.django_db
FRIDAY = date(2026, 11, 20)
HALF_HELD = [(at("2026-11-20 14:30"), at("2026-11-20 20:00")), (at("2026-11-20 20:10"), at("2026-11-20 21:00"))]
HELD = [(at("2026-11-20 14:30"), at("2026-11-20 21:00"))]


@pytest.fixture(autouse=True)
def _sunday():
    with time_machine.travel(at("2026-11-22 12:00"), tick=False):
        yield


def scan(*words: str) -> str:
    out = StringIO()
    call_command("scan_gaps", "--from", "2026-11-20", *words, stdout=out)
    return out.getvalue()


def lines(*words: str) -> list[str]:
    return [" ".join(line.split()) for line in scan(*words).splitlines()]


def test_table_has_a_line_for_each_session_and_totals_by_tier():
    make_coverage(make_series("AAPL"), FRIDAY, held=HALF_HELD)
    make_series("MSFT", tier="T1")
    make_series("MSFT", tier="T1", interval="1d")
    assert lines() == [
        "tier symbol mic interval session slots spans missing (UTC)",
        "T0 AAPL XNAS 1m 2026-11-20 10 1 20:00-20:10",
        "T1 MSFT XNAS 1m 2026-11-20 390 1 14:30-21:00",
        "T1 MSFT XNAS 1d 2026-11-20 1 1 2026-11-20 to 2026-11-20",
        "",
        "T0: 10 slots missing in 1 spans of 1 series",
        "T1: 391 slots missing in 2 spans of 2 series",
        "all: 401 slots missing in 3 spans of 3 series",
    ]


def test_table_is_cut_and_says_so_when_it_is_long():
    for symbol in "ABCD":
        make_series(symbol)
    found = lines("--limit", "2")
    assert [line.split()[1] for line in found[1:3]] == ["A", "B"]
    assert found[3] == "and 2 more lines: see --limit and --json"
    assert found[-1] == "T0: 1,560 slots missing in 4 spans of 4 series"


def test_many_spans_of_a_session_are_counted_and_the_first_shown():
    held = [(at(f"2026-11-20 {hour}:01"), at(f"2026-11-20 {hour + 1}:00")) for hour in range(15, 21)]
    make_coverage(make_series(), FRIDAY, held=held)
    assert "T0 AAPL XNAS 1m 2026-11-20 36 6 14:30-15:01, 16:00-16:01, 17:00-17:01, and 3 more" in lines()


def test_span_of_the_evening_before_its_session_names_the_day_and_other_series_their_hours():
    make_series("ES", mic="XCME", calendar="CME")
    make_series("AAPL", hours="extended", adjustment="split")
    found = lines("--to", "2026-11-20")
    assert found[1].startswith("T0 AAPL XNAS 1m extended split 2026-11-20 960")
    assert found[2] == "T0 ES XCME 1m 2026-11-20 1380 1 11-19 23:00-22:00"


def test_scan_says_how_much_it_looked_at_when_nothing_is_missing():
    make_coverage(make_series(), FRIDAY, held=HELD)
    before = list(Coverage.objects.values_list())
    assert scan() == "Nothing is missing of 1 active series.\n"
    assert list(Coverage.objects.values_list()) == before


def test_scan_says_what_it_could_not_look_at_when_a_calendar_is_gone():
    make_coverage(make_series(), FRIDAY, held=HELD)
    make_series("OLD", mic="XOLD", calendar="XOLD")
    out, faults = StringIO(), StringIO()
    call_command("scan_gaps", "--from", "2026-11-20", stdout=out, stderr=faults)
    assert out.getvalue() == "Nothing is missing of 2 active series, as far as they could be scanned.\n"
    assert faults.getvalue().startswith("1 series of 1m on XOLD can't be scanned: ")


def test_json_has_every_gap_and_the_totals():
    make_coverage(make_series(), FRIDAY, held=HALF_HELD)
    assert json.loads(scan("--json")) == {
        "series_scanned": 1,
        "spans": 1,
        "slots": 10,
        "not_scanned": [],
        "gaps": [
            {
                "symbol": "AAPL",
                "mic": "XNAS",
                "interval": "1m",
                "hours": "regular",
                "adjustment": "raw",
                "tier": "T0",
                "session": "2026-11-20",
                "start": "2026-11-20T20:00:00Z",
                "end": "2026-11-20T20:10:00Z",
                "slots": 10,
            }
        ],
    }


def test_options_narrow_what_is_scanned():
    make_series("AAPL")
    make_series("AAPL", interval="5m")
    make_series("MSFT", tier="T1")
    make_series("MSFT", tier="T1", mic="XLON", calendar="XLON")

    def found(*words: str) -> list[str]:
        return sorted(f"{gap['symbol']} {gap['mic']} {gap['interval']}" for gap in json.loads(scan("--json", *words))["gaps"])

    assert found("--tier", "T0") == ["AAPL XNAS 1m", "AAPL XNAS 5m"]
    assert found("--tier", "T0", "T1", "--interval", "1m", "--mic", "XNAS") == ["AAPL XNAS 1m", "MSFT XNAS 1m"]
    assert found("--symbol", "MSFT", "--mic", "XLON") == ["MSFT XLON 1m"]


def test_instants_bound_the_scan_where_dates_would_be_too_coarse():
    make_series()
    assert "15:00-15:10" in scan("--from", "2026-11-20T15:00:00Z", "--to", "2026-11-20T15:10:00Z")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tier", "T9"], "unknown tier 'T9'; known: T0, T1, T2"),
        (["--symbol", "AAPL", "AAPX"], "unknown symbol 'AAPX'"),
        (["--symbol", "AAPL", "--mic", "XLON"], "unknown symbol at XLON 'AAPL'"),
        (["--interval", "1d"], "no active series fits"),
        (["--to", "yesterday"], "--to: expected a date such as 2026-11-20, got 'yesterday'"),
        (["--to", "2026-11-20T10:00"], "--to: expected RFC 3339 with a zone"),
        (["--to", "2026-11-19"], "--to: expected nothing before --from"),
        (["--from", "2026-11-20T10:00:00Z", "--to", "2026-11-20T09:00:00Z"], "--to: expected nothing before --from"),
        (["--limit", "0"], "--limit: expected 1 or more, got 0"),
    ],
)
def test_scan_is_refused_with_what_is_wrong_and_what_is_known(words, message):
    make_series()
    with pytest.raises(CommandError, match="^" + message):
        scan(*words)


def test_enqueue_makes_jobs_of_what_nobody_sees_to_by_the_age_of_each_gap():
    make_coverage(make_series("AAPL", collect_from=at("2026-11-20 00:00")), FRIDAY, held=HALF_HELD)
    make_series("MSFT", tier="T1", collect_from=at("2026-11-18 00:00"))
    assert json.loads(scan("--enqueue", "--json", "--from", "2026-11-18")) == {
        "found": 4, "enqueued": 4, "merged": 0, "dropped": 0, "resolved": 0,
    }  # fmt: skip
    rows = Backfill.objects.order_by("start", "series_id").values_list("series__instrument__symbol", "slots", "lane")
    assert list(rows) == [("MSFT", 390, "history"), ("MSFT", 390, "recent"), ("MSFT", 390, "recent"), ("AAPL", 10, "recent")]
    assert scan("--enqueue").startswith("0 gaps: 0 new jobs")
