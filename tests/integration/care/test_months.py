"""Months of bars that are past their age: what goes with them, what stays, who may be at work meanwhile, and who may be killed."""

import os
import subprocess
import sys
import threading
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import connection, connections, transaction

from collector.core.spans import spans_of
from collector.models import Absence, Bar, BarAlternate, BarRevision, Coverage, DailyBar, Quote, RejectedBar
from collector.partitions import BARS, QUOTES, drop_partition
from collector.quotes_store import write_quotes
from collector.schemas import BarsFetchJob, Priority
from collector.services import bar_retention
from collector.services.collecting import collect_bars
from collector.services.gap_resolving import resolve_covered
from collector.store import write_bars
from collector.store_batch import AbsentSlots
from ops.care.kinds import KINDS
from ops.care.turn import take_care
from providers.fetching import ProviderAnswer
from providers.loop import EventLoopThread
from providers.market.types import DAY_US, MINUTE_US, Interval, Micros, from_us
from tests.builders import batch_of, minutes, moment, row, us
from tests.integration.care.rows import coin, hold, make_months, partitions, spans
from tests.integration.collector.backfill_rows import make_job
from tests.integration.collector.gaps import gaps, texts
from tests.integration.collector.reading import coverage, held
from tests.integration.collector.rows import make_policy, make_provider, make_series, make_write
from tests.quotes import make_quote_series, make_quote_write, quote
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("database")

PROJECT = Path(__file__).resolve().parents[3]
EDGE = us("2026-02-01 00:00")
LONG_OLD, OLD, KEPT = us("2026-01-10 12:00"), EDGE - MINUTE_US, EDGE
NOW = moment("2026-03-14 12:00")
"""With 40 days bars are kept from EDGE on since yesterday, so January goes today."""
(BARS_KIND,) = (kind for kind in KINDS if kind.name == "bars")
(QUOTES_KIND,) = (kind for kind in KINDS if kind.name == "quotes")


@pytest.fixture(autouse=True)
def _forty_days(settings: Any, database: None) -> None:
    settings.BAR_KEEP_DAYS = 40
    turn()  # partitions that other tests left


def turn(now=NOW) -> list[str]:
    (done,) = take_care(now=now, kinds=[BARS_KIND]).dropped
    assert done.fault == ""
    return [size.table for size in done.partitions]


def known() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (Bar, BarRevision, BarAlternate))


def waits_for_a_lock(statement: str) -> bool:
    with connections.create_connection("default").cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND ltrim(query, E' \\n') LIKE %s)",
            [statement],
        )
        found: bool = cursor.fetchone()[0]
        cursor.db.close()
        return found


def absent(series: Any, start: Micros) -> AbsentSlots:
    return AbsentSlots(series.pk, start // DAY_US, spans_of(np.array([start]), MINUTE_US), True, "settled")


class TestWhatGoes:
    def test_month_goes_a_day_after_it_is_kept_no_more_with_all_that_is_known_of_it(self, caplog):
        series = coin()
        silent = [absent(series, start) for start in (LONG_OLD + 5 * MINUTE_US, OLD - 5 * MINUTE_US, KEPT + 5 * MINUTE_US)]
        hold(series, LONG_OLD, OLD, KEPT, absent=silent)
        assert known() == (3, 3, 3)
        assert turn(NOW - timedelta(hours=12, microseconds=1)) == []
        assert (known(), Absence.objects.count()) == ((3, 3, 3), 6)
        caplog.set_level("INFO", logger="ops.care.periods")
        assert turn(NOW - timedelta(hours=12))[-1] == "collector_bar_202601"
        assert "dropped collector_bar_202601" in caplog.text
        assert known() == (1, 1, 1)
        assert list(held(series)) == [KEPT]
        assert coverage(series) == ([[KEPT, KEPT + MINUTE_US]], [[KEPT + 5 * MINUTE_US, KEPT + 6 * MINUTE_US]])
        assert list(Absence.objects.values_list("session", flat=True)) == [from_us(KEPT).date()] * 2
        assert turn() == []

    def test_daily_bars_and_all_that_is_known_of_them_stay(self):
        daily = make_series("BTC", mic="XXXX", calendar="24/7", interval="1d", asset_class="crypto")
        hold(daily, us("2019-01-01 00:00"))
        make_months(OLD)
        turn()
        assert (DailyBar.objects.count(), BarRevision.objects.count(), BarAlternate.objects.count()) == (1, 1, 1)
        assert coverage(daily)[0] == [[us("2019-01-01 00:00"), us("2019-01-02 00:00")]]

    def test_session_over_the_edge_keeps_what_lies_behind_it(self):
        series = make_series("ES", mic="XCME", calendar="CMES", asset_class="future")
        span = (from_us(EDGE - 3 * MINUTE_US), from_us(EDGE + 3 * MINUTE_US))
        behind = (from_us(EDGE), span[1])
        Coverage.objects.create(series=series, session=date(2026, 2, 1), held=spans(span), empty=spans(), void=spans())
        Coverage.objects.create(series=series, session=date(2026, 2, 2), held=spans(), empty=spans(span), void=spans())
        Coverage.objects.create(series=series, session=date(2026, 1, 31), held=spans(), empty=spans(), void=spans(span))
        common = {"provider": make_provider(), "feed_scope": "consolidated", "is_believed": True, "asked_at": NOW}
        Absence.objects.create(series=series, session=date(2026, 2, 2), spans=spans(span), why="over", **common)
        Absence.objects.create(series=series, session=date(2026, 2, 1), spans=spans((span[0], behind[0])), why="old", **common)
        make_months(OLD)
        turn()
        rows = {row.session: (row.held, row.empty, row.void) for row in Coverage.objects.all()}
        nothing, rest = spans(), spans(behind)
        assert rows == {
            date(2026, 2, 1): (rest, nothing, nothing),
            date(2026, 2, 2): (nothing, rest, nothing),
            date(2026, 1, 31): (nothing, nothing, rest),
        }
        assert list(Absence.objects.values_list("why", "spans")) == [("over", rest)]

    def test_everything_stays_where_bars_are_kept_for_ever(self, settings):
        settings.BAR_KEEP_DAYS = 0
        hold(coin(), us("2020-05-05 00:00"))
        assert turn() == []
        assert known() == (1, 1, 1)

    def test_days_of_quotes_go_a_day_after_nothing_is_written_to_them(self, settings):
        settings.QUOTE_DAYS = 5
        one = make_quote_series("AAPL").instrument
        at = us("2025-10-08 14:30")
        rows = [quote(at - back * DAY_US) for back in (5, 6, 7, 8)]
        write_quotes(make_quote_write([one], rows, provider=make_provider(), asked_at=at), keep_from=0)
        (done,) = take_care(now=from_us(at), kinds=[QUOTES_KIND]).dropped
        assert [size.table for size in done.partitions][-2:] == ["collector_quote_20250930", "collector_quote_20251001"]
        assert sorted(Quote.objects.values_list("at", flat=True)) == [from_us(at - 6 * DAY_US), from_us(at - 5 * DAY_US)]


class TestNothingComesBack:
    def test_dropped_bars_are_no_gaps_and_jobs_of_them_end(self):
        series = coin()
        hold(series, OLD, *minutes(KEPT, 2))
        job = make_job(series, start="2026-01-31 23:00", end="2026-01-31 23:10")
        turn()
        now = us("2026-03-14 12:00")
        found = gaps(now=now, start=EDGE - 40 * DAY_US, end=EDGE + 4 * MINUTE_US)
        assert texts(found) == ["BTC 02-01 00:02 +2"]
        assert resolve_covered(now=now) == 1
        job.refresh_from_db()
        assert job.state == "done"

    def test_bar_of_a_month_that_is_not_kept_is_refused_and_says_why(self, monkeypatch):
        series, provider = coin(), make_provider()
        make_policy("polygon")
        turn()
        asked = []

        async def answer(candidate, **_):
            asked.append(candidate.name)
            rows = batch_of([row(OLD, symbol="BTC"), row(KEPT, symbol="BTC")])
            said = {"answered": frozenset({"BTC"}), "failed": {}, "asked_at": us("2026-03-14 12:00"), "vendor_time": None}
            return ProviderAnswer(
                candidate=candidate, batch=rows, received_at=us("2026-03-14 12:00"), is_delayed=False, calls=1, **said
            )

        monkeypatch.setattr("collector.services.collecting.ask_provider", answer)
        job = BarsFetchJob(
            tier="T0",
            priority=Priority.HISTORY,
            symbols=["BTC"],
            interval=Interval.M1,
            start=from_us(OLD),
            end=from_us(KEPT + MINUTE_US),
        )
        with EventLoopThread() as loop:
            done = collect_bars(job, now=us("2026-03-14 12:00"), loop=loop)
        assert list(held(series)) == [KEPT]
        refused = RejectedBar.objects.get()
        assert (refused.reason, refused.start, refused.provider) == ("too_old", from_us(OLD), provider)
        assert "2026-02-01 00:00 UTC" in refused.detail
        assert "collector_bar_202601" not in partitions()
        assert (done.unanswered, asked) == ({}, ["polygon"])


class TestOthersAtWork:
    def test_drop_gives_way_to_an_open_read_and_is_done_by_the_next_turn(self, caplog):
        series = coin()
        hold(series, OLD, KEPT)
        other = connections.create_connection("default")
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT count(*) FROM collector_bar")
            assert turn() == []
            assert "collector_bar_202601 is in use" in caplog.text
            cursor.execute("SELECT count(*) FROM collector_bar")
            assert cursor.fetchone() == (2,)
            cursor.execute("COMMIT")
        other.close()
        assert turn()[-1] == "collector_bar_202601"

    def test_writers_and_readers_never_fail_while_months_are_dropped(self):
        many = [coin(f"C{n}") for n in range(3)]
        old = us("2025-06-15 00:00")
        ended, errors, rounds, reads = threading.Event(), [], 30, [0]

        def work(one):
            try:
                for n in range(rounds):
                    rows = [row(KEPT + n * MINUTE_US, symbol=one.instrument.symbol)]
                    write_bars(make_write([one], rows, provider=make_provider(), asked_at=KEPT + DAY_US), history_before=0)
            except Exception as error:
                errors.append(error)
            finally:
                connection.close()

        def read():
            try:
                while not ended.is_set():
                    Bar.objects.count()
                    reads[0] += 1
            except Exception as error:
                errors.append(error)
            finally:
                connection.close()

        make_provider()
        workers, reader = [threading.Thread(target=work, args=(one,)) for one in many], threading.Thread(target=read)
        for thread in (*workers, reader):
            thread.start()
        dropped = 0
        while any(worker.is_alive() for worker in workers) or not dropped:
            make_months(old)
            dropped += turn()[-1:] == ["collector_bar_202506"]
        for worker in workers:
            worker.join()
        ended.set()
        reader.join()
        assert errors == []
        assert reads[0] > 0
        for one in many:
            assert list(held(one)) == minutes(KEPT, rounds)

    def test_write_makes_its_partition_again_where_another_process_dropped_it(self):
        series = coin()
        hold(series, OLD)  # this process remembers the partition
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DROP TABLE collector_bar_202601")
        Coverage.objects.all().delete()
        rows = [row(OLD, symbol="BTC")]
        batch = make_write([series], rows, provider=make_provider(), asked_at=KEPT)
        assert write_bars(batch, history_before=0).new == 1
        assert list(held(series)) == [OLD]

    def test_partition_that_is_gone_already_is_no_fault(self):
        make_months(OLD)
        assert drop_partition(BARS, "collector_bar_202601") is True
        assert drop_partition(BARS, "collector_bar_202601") is False
        assert drop_partition(QUOTES, "collector_quote_20200101") is False


class TestHalfDone:
    def test_turn_that_is_killed_half_way_is_followed_by_one_that_does_it_all(self):
        first, second = coin("A"), coin("B")
        for series in (first, second):
            hold(series, LONG_OLD, OLD, KEPT)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM collector_coverage WHERE series_id = %s FOR UPDATE", [second.pk])
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.care.turner", connection.settings_dict["NAME"], NOW.isoformat()],
                cwd=PROJECT,
                env={**os.environ, "MARKETDATA_BAR_KEEP_DAYS": "40"},
            )
            try:
                wait_until(lambda: waits_for_a_lock("DELETE FROM collector_coverage%"), seconds=60, what="a turn at work")
            finally:
                process.kill()
                process.wait()
        wait_until(lambda: not waits_for_a_lock("DELETE FROM collector_coverage%"), seconds=60, what="its end")
        assert coverage(first)[0] == [[KEPT, KEPT + MINUTE_US]]
        assert coverage(second)[0][-1] == [OLD, KEPT + MINUTE_US]
        assert Bar.objects.count() == 6
        assert turn()[-1] == "collector_bar_202601"
        assert [coverage(series)[0] for series in (first, second)] == [[[KEPT, KEPT + MINUTE_US]]] * 2
        assert known() == (2, 2, 2)

    def test_turn_without_time_drops_no_bars_and_the_next_one_finishes(self, monkeypatch):
        hold(coin("A"), OLD, KEPT)
        hold(coin("B"), OLD, KEPT)
        monkeypatch.setattr(bar_retention, "SERIES_AT_ONCE", 1)
        (done,) = take_care(now=NOW, kinds=[BARS_KIND], seconds=-1.0).dropped
        assert (done.is_whole, done.partitions, Bar.objects.count()) == (False, [], 4)
        assert turn()[-1] == "collector_bar_202601"
        assert known() == (2, 2, 2)
