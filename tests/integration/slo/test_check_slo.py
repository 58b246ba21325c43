"""`manage.py check_slo`: the table, the JSON, and what its exit status says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from collector.models import Backfill, DeadLetter, Instrument, Tier
from ops.management.commands.check_slo import CANT_TELL, MISSED
from ops.models import SloRun, SloSample
from tests.builders import moment
from tests.integration.collector.rows import TIERS, make_series, make_tier
from tests.integration.slo.holding import hold, make_many

pytestmark = pytest.mark.django_db
PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    """A moment of a session, and all tiers."""
    monkeypatch.setattr("marketdata_site.observability.clock.now_us", lambda: 1759935630 * 1_000_000)  # 2025-10-08 15:00:30
    for code in TIERS:
        make_tier(code)


def check(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    """Exit status, and what stands on standard output; what is wrong behind it."""
    status, wrong = 0, ""
    try:
        call_command("check_slo", *options)
    except SystemExit as end:
        status = int(str(end.code))
    except CommandError as error:
        status, wrong = error.returncode, str(error)
    return status, capsys.readouterr().out + wrong


def test_table_shows_each_tier_and_interval_and_status_0_when_all_are_met(capsys: pytest.CaptureFixture[str]) -> None:
    make_many(3, "2025-10-08 15:00")
    make_many(1, "2025-10-08 15:00", prefix="D", interval="5m", tier="T2")
    status, text = check(capsys)
    assert status == 0
    assert text.splitlines() == [
        "tier  interval  objective  sampled  behind  rate",
        "T0    1m            0.5 %        3       0   0 %",
        "T2    5m              5 %        1       0   0 %",
        "T1: no active series is collected at that time",
    ]
    assert not SloRun.objects.exists()
    assert not SloSample.objects.exists()


def test_missed_objective_is_status_1_and_names_the_worst_with_what_is_known_and_why(
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_many(4, "2025-10-08 15:00")
    dead = hold(make_series("DEAD"), "2025-10-08 14:30")
    make_series("NEVER", mic="XXXX", calendar="24/7")
    job = Backfill.objects.create(
        series=dead, start=moment("2025-10-08 14:30"), end=moment("2025-10-08 14:50"), slots=20, lane="recent", tier="T0", state="dead",
        due_at=moment("2025-10-08 14:55"), found_at=moment("2025-10-08 14:52"),
    )  # fmt: skip
    DeadLetter.objects.create(
        backfill=job, reason="unknown_symbol", fingerprint="f", missing_minutes=20, died_at=moment("2025-10-08 14:55")
    )
    status, text = check(capsys, "--tier", "T0")
    assert status == MISSED == 1
    assert text.splitlines() == [
        "tier  interval  objective  sampled  behind     rate",
        "T0    1m            0.5 %        6       2  33.33 %  MISSED",
        "  NEVER        nothing known                 pending",
        "  DEAD (XNAS)  known until 2025-10-08 14:30  unknown_symbol, a dead letter: an operator's turn",
    ]


def test_rate_at_the_objective_meets_it_and_one_above_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    Tier.objects.filter(code="T0").update(objective=0.4)
    make_many(3, "2025-10-08 15:00")
    make_many(2, "2025-10-08 14:50", prefix="D")
    assert check(capsys)[0] == 0
    Tier.objects.filter(code="T0").update(objective=0.39)
    assert check(capsys)[0] == MISSED


def test_shut_market_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    make_many(2, "2025-10-08 06:30", mic="XTKS", calendar="XTKS")
    assert check(capsys)[0] == 0


def test_exact_looks_at_all_and_otherwise_at_the_sample(capsys: pytest.CaptureFixture[str], settings) -> None:
    make_many(5, "2025-10-08 15:00")
    settings.SLO_SAMPLE = 2
    sampled = [json.loads(check(capsys, "--json", *more)[1])["objectives"][0]["sampled"] for more in ((), ("--exact",))]
    assert sampled == [2, 5]


def test_json_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    make_many(1, "2025-10-08 14:50")
    status, text = check(capsys, "--json", "--tier", "T0")
    assert status == MISSED
    assert json.loads(text) == {
        "at": "2025-10-08T15:00:30Z",
        "exact": False,
        "met": False,
        "objectives": [
            {
                "tier": "T0",
                "interval": "1m",
                "objective": 0.005,
                "sampled": 1,
                "violating": 1,
                "rate": 1.0,
                "met": False,
                "interior_missing": 9,
                "worst": [
                    {"symbol": "S00", "mic": "XNAS", "last": "2025-10-08T14:50:00Z", "cause": "pending", "state": "pending"}
                ],
            }
        ],
        "idle": [],
        "not_looked_at": [],
    }


def test_past_time_is_judged_by_what_is_held_now(capsys: pytest.CaptureFixture[str]) -> None:
    hold(make_series("HOLE"), "2025-10-07 15:00")
    hold(make_series("HOLE", interval="5m"), "2025-10-08 15:00")
    late = hold(make_series("LATE"), "2025-10-08 15:00")
    type(late).objects.filter(pk=late.pk).update(answered_through=moment("2025-10-08 15:00"))
    night = ("2025-10-08T03:00:00Z", 0)
    for at, status in (("2025-10-07T15:01:30Z", 0), ("2025-10-07T15:30:00Z", MISSED), night, ("2025-10-08T15:00:30Z", MISSED)):
        assert check(capsys, "--at", at)[0] == status, at


def test_bars_of_later_say_nothing_of_a_past_time(capsys: pytest.CaptureFixture[str]) -> None:
    series = hold(make_series(), "2025-10-07 15:00")
    hold(series, "2025-10-08 15:00", since="2025-10-07 16:00")
    for at, status in (("2025-10-07T15:30:00Z", MISSED), ("2025-10-07T16:30:00Z", 0)):
        assert check(capsys, "--at", at)[0] == status, at


def test_time_of_which_bars_are_deleted_can_not_be_told(capsys: pytest.CaptureFixture[str], settings) -> None:
    make_series()
    settings.BAR_KEEP_DAYS = 30
    status, said = check(capsys, "--at", "2025-08-29T15:00:00Z")
    assert (status, said) == (
        CANT_TELL,
        "--at: bars are kept from 2025-09-01 on (MARKETDATA_BAR_KEEP_DAYS), got 2025-08-29T15:00:00Z",
    )
    assert check(capsys, "--at", "2025-09-02T15:00:00Z")[0] != CANT_TELL


def test_cause_of_a_past_time_is_not_made_up(capsys: pytest.CaptureFixture[str]) -> None:
    make_many(1, "2025-10-07 15:00")
    (one,) = json.loads(check(capsys, "--json", "--at", "2025-10-07T16:00:00Z")[1])["objectives"]
    assert one["worst"] == [{"symbol": "S00", "mic": "XNAS", "last": "2025-10-07T15:00:00Z", "cause": None, "state": None}]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--tier", "T9"), "unknown tier 'T9'; known: T0, T1, T2"),
        (("--tier", "T1"), "no active series is collected"),
        (("--at", "yesterday"), "--at: expected RFC 3339"),
        (("--at", "2031-01-01T00:00:00Z"), "--at: expected a past time"),
    ],
)
def test_what_can_not_be_told_is_status_2(capsys: pytest.CaptureFixture[str], options: tuple[str, ...], said: str) -> None:
    make_many(1, "2025-10-08 15:00")
    status, text = check(capsys, *options)
    assert (status, said in text) == (CANT_TELL, True)
    assert CANT_TELL == 2


def test_installation_without_series_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(capsys) == (
        2,
        "\n".join(f"T{n}: no active series is collected at that time" for n in range(3))
        + "\nno active series is collected: there is nothing to look at",
    )


def test_named_tier_without_series_is_status_2_also_beside_one_that_is_met(capsys: pytest.CaptureFixture[str]) -> None:
    make_many(1, "2025-10-08 15:00")
    assert check(capsys, "--tier", "T0", "T1")[0] == CANT_TELL
    assert check(capsys)[0] == 0


def test_calendar_that_can_not_be_had_is_status_2_unless_an_objective_is_missed(capsys: pytest.CaptureFixture[str]) -> None:
    make_series("GONE")
    make_many(1, "2025-10-08 15:00")
    Instrument.objects.filter(symbol="GONE").update(calendar="NOPE")
    status, text = check(capsys)
    assert (status, "on NOPE are not looked at" in text) == (CANT_TELL, True)
    make_many(1, "2025-10-08 14:00", prefix="D")
    assert check(capsys)[0] == MISSED


def _started(**environment: str) -> "subprocess.CompletedProcess[str]":
    """The command in a process of its own, with servers that are not there."""
    nowhere = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1"}
    return subprocess.run(
        [sys.executable, "manage.py", "check_slo"],
        cwd=PROJECT,
        env={**os.environ, **nowhere, "MARKETDATA_ROLE": "command", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.any_postgres
def test_database_that_is_away_is_status_2_in_a_line() -> None:
    done = _started()
    assert (done.returncode, done.stdout) == (2, "")
    assert "the database does not answer" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.any_postgres
@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("MARKETDATA_SLO_SAMPLE", "some", "MARKETDATA_SLO_SAMPLE must be a whole number, got 'some'"),
        ("DATABASE_URL", "mysql://there", "DATABASE_URL must start with postgresql://, got mysql://"),
    ],
)
def test_variable_that_can_not_be_is_status_2_in_a_line(name: str, text: str, said: str) -> None:
    done = _started(**{name: text})
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {said}\n")
