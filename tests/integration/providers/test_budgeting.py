"""Tokens of one row for several workers: each loop here is a worker's, with a thread and a connection of its own."""

import asyncio
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from django.db import connection, transaction

from marketdata_site.observability.clock import OFFSET_VARIABLE, now_us
from providers.adapter import RateNews
from providers.budget import Allowance, from_json
from providers.errors import OverBudget, Throttled, UnknownSymbol, UnsupportedRequest, VendorFault
from providers.lanes import Lane
from providers.loop import EventLoopThread
from providers.market.types import DAY_US, SECOND_US, from_us, to_us
from providers.models import ProviderBudget
from providers.services.budgeting import Purse, room_of
from tests.builders import us
from tests.integration.collector.rows import make_provider
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
PROJECT = Path(__file__).resolve().parents[3]
NOON = us("2027-03-10 12:00")


class Fleet:
    """Workers at one provider, under a clock that tests set."""

    def __init__(self, loops, patch):
        self.loops = loops
        self.patch = patch
        self.provider = make_provider("polygon")

    def set_clock(self, moment):
        self.patch.setenv(OFFSET_VARIABLE, repr(moment / 1e6 - time.time()))

    def purse(self, worker=0, *, per_minute=10, reserve=0, per_day=None, lane=Lane.LIVE, patience_s=0.0):
        return Purse(
            provider_id=self.provider.pk,
            provider="polygon",
            allowance=Allowance(per_minute, reserve, per_day),
            lane=lane,
            database=self.loops[worker].database,
            patience_s=patience_s,
        )

    def admit(self, purse, worker=0, cost=1):
        self.loops[worker].run(purse.admit(cost))

    def drain(self, purse, worker=0):
        """Requests that may go out until one may not, and why that one may not."""
        admitted = 0
        while True:
            try:
                self.admit(purse, worker)
            except OverBudget as error:
                return admitted, error
            admitted += 1

    def settle(self, purse, worker=0, *, news=None, error=None):
        self.loops[worker].run(purse.settle(news=news, error=error))

    def close(self, purse, worker=0):
        self.loops[worker].run(purse.close())

    def used(self):
        """Tokens that count now."""
        budget = from_json(ProviderBudget.objects.get(provider=self.provider).memory)
        return sum(s.live + s.history for s in budget.spent)


@pytest.fixture
def fleet(transactional_db, monkeypatch):
    with ExitStack() as stack:
        fleet = Fleet([stack.enter_context(EventLoopThread()) for _ in range(2)], monkeypatch)
        fleet.set_clock(NOON)
        yield fleet


def test_two_workers_together_get_the_limit_and_no_more(fleet):
    purses = [fleet.purse(worker) for worker in (0, 1)]
    admitted = 0
    for turn in range(12):
        try:
            fleet.admit(purses[turn % 2], turn % 2)
        except OverBudget:
            continue
        admitted += 1
    more, refusal = fleet.drain(purses[0])
    assert admitted + more + fleet.drain(purses[1], 1)[0] == 10
    assert str(refusal) == "polygon: 10 of 10 a minute are used"
    assert 60 < refusal.retry_after < 70


def test_workers_that_take_at_the_same_time_get_the_limit_and_no_more(fleet):
    admitted = [0, 0]

    def work(worker):
        admitted[worker] = fleet.drain(fleet.purse(worker, per_minute=200), worker)[0]

    threads = [threading.Thread(target=work, args=(worker,)) for worker in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(admitted) == 200


def test_tokens_are_taken_in_blocks_and_what_was_not_used_comes_back(fleet):
    purse = fleet.purse()
    for _ in range(3):
        fleet.admit(purse)
    assert fleet.used() == 4  # two went out within a second, so two were taken with the third
    fleet.close(purse)
    assert fleet.used() == 3
    fleet.close(purse)
    assert fleet.used() == 3


def test_those_who_wait_are_served_by_one_block(fleet):
    purse = fleet.purse()

    async def together():
        await asyncio.gather(*(purse.admit(1) for _ in range(8)))

    fleet.loops[0].run(together())
    assert fleet.used() == 8


def test_tokens_that_somebody_gives_back_serve_whoever_waits(fleet):
    holder, waiter = fleet.purse(per_minute=4), fleet.purse(1, per_minute=4, patience_s=100)
    for _ in range(3):
        fleet.admit(holder)
    assert fleet.used() == 4
    waiting = threading.Thread(target=partial(fleet.admit, waiter, 1))
    waiting.start()
    fleet.close(holder)
    waiting.join(60)
    assert not waiting.is_alive()
    assert fleet.used() == 4


def test_worker_whose_patience_is_over_is_told_when_to_come_back(fleet):
    purse = fleet.purse(per_minute=1, patience_s=10)
    fleet.admit(purse)
    with pytest.raises(OverBudget) as refusal:  # at once: tokens are not expected within ten seconds
        fleet.admit(purse)
    fleet.set_clock(NOON + round((refusal.value.retry_after + 1) * SECOND_US))
    fleet.admit(purse)


def test_live_work_gets_its_reserve_at_once_however_hungry_backfill_is(fleet):
    backfill, live = fleet.purse(reserve=40, lane=Lane.HISTORY), fleet.purse(1, reserve=40)
    admitted, refusal = fleet.drain(backfill)
    assert admitted == 6
    assert "4 are kept for live work" in str(refusal)
    assert fleet.drain(live, 1)[0] == 4


def test_request_that_no_waiting_can_pay_is_refused_for_good(fleet):
    purse = fleet.purse(reserve=50, lane=Lane.HISTORY)
    assert purse.most_at_once == 5
    with pytest.raises(UnsupportedRequest, match=r"^polygon: a request costs 6, history work can get 5 at once$"):
        fleet.admit(purse, cost=6)
    fleet.admit(purse, cost=5)
    fleet.admit(purse, cost=0)


def test_wait_that_one_worker_was_told_is_waited_by_all_and_ends_with_one_request_at_a_time(fleet):
    first, second = fleet.purse(), fleet.purse(1)
    fleet.admit(first)
    fleet.settle(first, error=Throttled("slow down", retry_after=30))
    with pytest.raises(OverBudget, match="the vendor said to wait until 12:00:30 UTC") as refusal:
        fleet.admit(second, 1)
    assert 25 < refusal.value.retry_after <= 30
    row = ProviderBudget.objects.get(provider=fleet.provider)
    assert NOON + 30 * SECOND_US <= to_us(row.blocked_until) < NOON + 40 * SECOND_US
    assert row.blocked_reason.startswith("over its limit")

    fleet.set_clock(NOON + 45 * SECOND_US)
    fleet.admit(second, 1)
    with pytest.raises(OverBudget, match="one request goes out at a time"):
        fleet.admit(first)
    fleet.settle(second, 1)
    fleet.admit(first)


@pytest.mark.parametrize(
    ("error", "is_let_in"), [(UnknownSymbol("NOPE", symbols=("NOPE",)), True), (VendorFault("ill"), False)]
)
def test_answer_of_any_kind_ends_the_probation_and_a_broken_one_lets_the_next_try(fleet, error, is_let_in):
    purse = fleet.purse()
    fleet.settle(purse, error=Throttled("slow down", retry_after=1))
    fleet.set_clock(NOON + 10 * SECOND_US)
    fleet.admit(purse)
    fleet.settle(purse, error=error)
    fleet.admit(purse)
    if is_let_in:
        fleet.admit(purse)
    else:
        with pytest.raises(OverBudget):
            fleet.admit(purse)


def test_vendor_that_says_nothing_is_left_is_left_alone_by_all(fleet):
    first, second = fleet.purse(), fleet.purse(1)
    fleet.admit(first)
    fleet.settle(first, news=RateNews(left=0, resets_in_s=20))
    with pytest.raises(OverBudget, match="the vendor says that 0 are left"):
        fleet.admit(second, 1)
    fleet.set_clock(NOON + 40 * SECOND_US)
    fleet.admit(second, 1)


def test_vendor_that_counts_others_too_narrows_the_next_block(fleet):
    purse = fleet.purse()
    fleet.admit(purse)
    fleet.settle(purse, news=RateNews(left=2, resets_in_s=20))
    assert fleet.drain(purse)[0] == 2


def test_day_that_is_used_up_is_over_at_midnight(fleet):
    fleet.set_clock(us("2027-03-10 23:00"))
    purse = fleet.purse(per_minute=1_000, per_day=7)
    admitted, refusal = fleet.drain(purse)
    assert admitted == 7
    assert str(refusal) == "polygon: 7 of 7 a day are used"
    assert ProviderBudget.objects.get().blocked_until == from_us(us("2027-03-11 00:00:03"))
    fleet.set_clock(us("2027-03-11 00:00:05"))
    assert fleet.drain(purse)[0] == 7


def test_tokens_that_come_too_late_are_not_used_and_go_back(fleet, monkeypatch):
    monkeypatch.setattr("providers.services.budgeting._LIFE_S", 0.0)
    purse = fleet.purse()
    with pytest.raises(OverBudget, match="too late to be used"):
        fleet.admit(purse)
    fleet.close(purse)
    assert fleet.used() == 0


def test_killed_worker_costs_at_most_its_block(fleet):
    command = [sys.executable, "-m", "tests.integration.providers.spender", connection.settings_dict["NAME"]]
    process = subprocess.Popen([*command, str(fleet.provider.pk), "20", "3"], cwd=PROJECT, stdout=-1, text=True)
    with process:
        assert process.stdout.readline() == "admitted\n"
        process.kill()
    assert fleet.used() == 4
    assert fleet.drain(fleet.purse(per_minute=20))[0] == 16


def test_clock_that_was_set_back_stops_nobody_for_longer_than_a_window(fleet):
    purse = fleet.purse()
    fleet.set_clock(NOON + 3 * DAY_US)
    fleet.drain(purse)
    fleet.set_clock(NOON)
    _, refusal = fleet.drain(purse)
    fleet.set_clock(NOON + round((refusal.retry_after + 1) * SECOND_US))
    assert fleet.drain(purse)[0] == 10


def test_row_that_a_stopped_worker_holds_is_waited_for_within_patience_and_its_news_are_logged(fleet, monkeypatch, caplog):
    monkeypatch.setattr("providers.services.budget_rows._LIMITS", "SET LOCAL lock_timeout = '50ms'")
    purse = fleet.purse()
    fleet.admit(purse)
    with transaction.atomic():
        ProviderBudget.objects.select_for_update().get()
        with pytest.raises(OverBudget, match="stayed locked"):
            fleet.admit(purse)
        fleet.settle(purse, error=Throttled("slow down", retry_after=30))
    assert [record.action for record in caplog.records if record.name.startswith("providers")] == ["budget_report_lost"]
    fleet.admit(purse)


def test_room_of_many_is_read_at_once_and_takes_nothing(fleet, django_assert_num_queries):
    other = make_provider("alpaca")
    fleet.drain(fleet.purse())
    fleet.settle(fleet.purse(), error=Throttled("slow down", retry_after=30))
    before = fleet.used()
    with django_assert_num_queries(1):
        rooms = room_of(
            {fleet.provider.pk: Allowance(10, 0), other.pk: Allowance(100, 30, 1_000)}, lane=Lane.HISTORY, now=now_us()
        )
    assert (rooms[other.pk].count, rooms[other.pk].quota_share, rooms[other.pk].blocked_until) == (70, 1.0, None)
    blocked = rooms[fleet.provider.pk]
    assert blocked.count == 0
    assert blocked.reason.startswith("over its limit, the vendor said to wait until 12:00:")
    assert blocked.blocked_until == to_us(ProviderBudget.objects.get().blocked_until)
    assert fleet.used() == before


def _backend():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def _is_alive(pid):
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [pid])
        return cursor.fetchone()[0] == 1


def test_connection_of_the_database_thread_ends_with_its_loop(transactional_db):
    with EventLoopThread() as loop:
        pid = loop.run(loop.database.run(_backend))
        assert loop.run(loop.database.run(_backend)) == pid
        assert pid != _backend()
        assert _is_alive(pid)
    wait_until(lambda: not _is_alive(pid), seconds=60, what="its end")
    assert not [t for t in threading.enumerate() if t.name.startswith("vendor-database")]


def test_connection_that_the_database_ended_is_replaced(transactional_db):
    with EventLoopThread() as loop:
        pid = loop.run(loop.database.run(_backend))
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        assert loop.run(loop.database.run(_backend)) != pid
