"""Rows that go by their age: kept exactly at the limit, gone behind it, for ever where that is said."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import OperationalError

from collector.models import Backfill, DeadLetter, FeedBatch, Incident
from ops.care import rows as care_rows
from ops.care.kinds import KINDS, Kind
from ops.care.rows import Rows
from ops.care.turn import take_care
from ops.health.database import seconds_ahead
from tests.builders import moment
from tests.feed_support import add_batch
from tests.integration.care.rows import MAKE, _discarded, _incident
from tests.integration.collector.backfill_rows import make_job
from tests.integration.collector.rows import make_series

pytestmark = pytest.mark.usefixtures("database")

NOW = moment("2026-03-15 12:00")
INSTANT = timedelta(microseconds=1)
BY_AGE = [kind for kind in KINDS if isinstance(kind.how, Rows)]
OPTIONAL = [kind for kind in BY_AGE if kind.limit is not None and kind.limit.is_optional]


def count(kind: Kind) -> int:
    table = kind.tables[0]
    (model,) = [one for one in apps.get_models() if one._meta.db_table == table]
    return model.objects.count()


def turn(kind: Kind, **rest: Any) -> tuple[int, bool, str]:
    (done,) = take_care(now=NOW, kinds=[kind], **rest).dropped
    return done.rows, done.is_whole, done.fault


def test_every_kind_of_rows_is_tried_here() -> None:
    assert {kind.name for kind in BY_AGE} == MAKE.keys()


@pytest.mark.parametrize("kind", BY_AGE, ids=lambda kind: kind.name)
def test_row_is_kept_exactly_at_its_limit_and_dropped_behind_it(kind: Kind, settings: Any) -> None:
    if kind.setting:
        setattr(settings, kind.setting, 100)
    assert kind.age is not None
    MAKE[kind.name](NOW - kind.age - INSTANT)
    MAKE[kind.name](NOW - kind.age)
    assert turn(kind) == (1, True, "")
    assert count(kind) == 1
    assert turn(kind) == (0, True, "")
    (done,) = take_care(now=NOW + INSTANT, kinds=[kind]).dropped
    assert (done.rows, count(kind)) == (1, 0)


@pytest.mark.parametrize("kind", OPTIONAL, ids=lambda kind: kind.name)
def test_row_is_kept_for_ever_where_the_setting_is_0(kind: Kind, settings: Any) -> None:
    setattr(settings, kind.setting, 0)
    MAKE[kind.name](moment("1999-01-01 00:00"))
    assert turn(kind) == (0, True, "")
    assert count(kind) == 1


def test_batches_go_with_the_next_turn_where_no_hour_of_them_is_kept(settings: Any) -> None:
    (kind,) = [one for one in KINDS if one.name == "feed-batches"]
    settings.FEED_BATCH_HOURS = 0
    MAKE[kind.name](NOW - INSTANT)
    assert turn(kind) == (1, True, "")
    assert count(kind) == 0


def test_rows_go_in_chunks_until_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(care_rows, "AT_ONCE", 2)
    (kind,) = [one for one in KINDS if one.name == "health-samples"]
    for age in (31, 32, 33, 34, 35, 29):
        MAKE[kind.name](NOW - timedelta(days=age))
    assert turn(kind) == (5, True, "")
    assert count(kind) == 1


def test_rows_that_a_turn_has_no_time_for_are_left_to_the_next_one() -> None:
    (kind,) = [one for one in KINDS if one.name == "health-samples"]
    MAKE[kind.name](NOW - timedelta(days=31))
    assert turn(kind, seconds=-1.0) == (0, False, "")
    assert turn(kind) == (1, True, "")


def test_jobs_that_are_open_or_dead_and_batches_that_wait_are_never_old() -> None:
    series = make_series()
    open_job = make_job(series)
    dead = make_job(
        series, start="2020-01-01 00:00", end="2020-01-01 00:10", state="dead", finished_at=moment("2020-01-02 00:00")
    )
    _discarded(moment("2020-01-02 00:00"))
    waiting = add_batch([{"type": "x"}], age_s=10**8)
    take_care(now=NOW)
    assert set(Backfill.objects.values_list("pk", flat=True)) == {open_job.pk, dead.pk}
    assert not DeadLetter.objects.exists()
    assert FeedBatch.objects.get().pk == waiting


def test_incident_that_others_are_part_of_goes_without_them() -> None:
    _incident(NOW - timedelta(days=91))
    part = _incident(NOW - timedelta(days=1))
    take_care(now=NOW)
    assert Incident.objects.get().pk == part.pk
    assert Incident.objects.get().part_of is None


def test_kind_that_fails_is_told_and_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from collector.feed.publisher import FeedUnavailable

    def broken(**_: Any) -> int:
        raise FeedUnavailable("no Valkey today")

    monkeypatch.setattr("ops.care.kinds.delete_batches", broken)
    MAKE["feed-batches"](NOW - timedelta(days=9))
    MAKE["marks"](NOW - timedelta(days=9))
    done = {one.kind: one for one in take_care(now=NOW).dropped}
    assert (done["feed-batches"].fault, done["feed-batches"].is_whole, done["marks"].rows) == ("no Valkey today", False, 1)
    assert "feed-batches could not be looked after" in caplog.text
    with pytest.raises(Exception, match="could not be looked after: feed-batches"):
        call_command("care")


def test_what_is_past_its_age_goes_also_where_no_partition_can_be_made(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(**_: Any) -> list[str]:
        raise OperationalError("could not extend file: No space left on device")

    monkeypatch.setattr("ops.care.turn.make_ahead", full)
    MAKE["marks"](NOW - timedelta(days=9))
    done = take_care(now=NOW)
    assert done.fault == "partitions could not be made ahead: could not extend file: No space left on device"
    assert {one.kind: one.rows for one in done.dropped}["marks"] == 1
    assert "partitions could not be made ahead: could not extend file" in caplog.text
    with pytest.raises(CommandError, match="partitions could not be made ahead: could not extend file"):
        call_command("care")
    assert "partitions could not be made ahead: could not extend file" in capsys.readouterr().out


@pytest.mark.parametrize(("hours", "left"), [(25, 1), (23, 0)])
def test_nothing_goes_by_a_clock_that_is_more_than_a_day_ahead_of_the_databases(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, hours: int, left: int
) -> None:
    machine = time.time
    monkeypatch.setattr("ops.care.turn.seconds_ahead", lambda: seconds_ahead(seconds=lambda: machine() + hours * 3_600))
    (kind,) = [one for one in KINDS if one.name == "marks"]
    MAKE[kind.name](NOW - timedelta(days=9))
    done = take_care(now=NOW, kinds=[kind])
    assert (count(kind), len(done.dropped)) == (left, 1 - left)
    assert done.fault in caplog.text
    assert ("clock is 1 day, 1:00:0" in done.fault) == bool(left)
