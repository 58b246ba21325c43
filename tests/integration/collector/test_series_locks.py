"""Bulk changes of series lock in the order of ids, as the write path does: otherwise the two can deadlock. A load undoes nobody's change."""

import threading
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from django.db import OperationalError, connection, connections, transaction
from django.utils import timezone

from collector.models import Instrument, Series
from collector.services.instruments import load_instruments
from collector.services.series import switch
from tests.integration.collector.rows import make_series

pytestmark = pytest.mark.usefixtures("database")

PATIENCE_SECONDS = 30
LOCK = "SELECT 1 FROM collector_series WHERE id = %s FOR NO KEY UPDATE"


def _load() -> None:
    load_instruments(data=b"symbol,mic,calendar,tier\nA,XXXX,24/7,T1\nB,XXXX,24/7,T1\n", now=timezone.now())


def _switch() -> None:
    switch(ids=list(Series.objects.order_by("-pk").values_list("pk", flat=True)), is_active=False)


@pytest.mark.parametrize("change", [_load, _switch])
def test_bulk_change_holds_no_later_series_while_it_waits_for_an_earlier_one(change: Callable[[], None]) -> None:
    first, second = (make_series(symbol, mic="XXXX", calendar="24/7") for symbol in ("A", "B"))
    Series.objects.filter(pk=first.pk).update(collect_from=first.collect_from - timedelta(days=1))  # now behind B in the table
    make_series("C", tier="T1")  # the tier of the file is there
    thread = threading.Thread(target=_in_its_own_connection, args=(change,))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LOCK, [first.pk])
        thread.start()
        _wait_for_a_waiter()
        try:
            cursor.execute(f"{LOCK} NOWAIT", [second.pk])
        except OperationalError:
            pytest.fail("the bulk change locked the later series first")
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()
    rows = Series.objects.exclude(instrument__symbol="C").values_list("tier", "is_active")
    assert set(rows) == ({("T1", True)} if change is _load else {("T0", False)})


def test_load_leaves_alone_what_somebody_else_changed_while_it_ran() -> None:
    make_series("A", mic="XXXX", calendar="24/7")
    thread = threading.Thread(target=_in_its_own_connection, args=(_load_asset_class,))
    with transaction.atomic():
        Instrument.objects.update(name="by hand")
        thread.start()
        _wait_for_a_waiter()
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()
    assert Instrument.objects.values_list("name", "asset_class").get() == ("by hand", "crypto")


def _load_asset_class() -> None:
    load_instruments(data=b"symbol,mic,calendar,asset_class\nA,XXXX,24/7,crypto\n", now=timezone.now())


def _in_its_own_connection(change: Callable[[], None]) -> None:
    try:
        with connection.cursor() as cursor:  # a plan that meets rows in the order of the table, as that of a large one may be
            cursor.execute("SET enable_indexscan = off")
            cursor.execute("SET enable_bitmapscan = off")
        change()
    finally:
        connections.close_all()


def _wait_for_a_waiter() -> None:
    """Until another connection waits for a row of ours. A look of its own each time: one transaction sees one state of activity."""
    settings = connection.settings_dict
    where = {"dbname": settings["NAME"], "user": settings["USER"], "host": settings["HOST"], "port": settings["PORT"] or 5432}
    waiting = threading.Event()
    with psycopg.connect(**where, password=settings["PASSWORD"] or None, autocommit=True) as watcher:
        for _ in range(PATIENCE_SECONDS * 50):
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            row = watcher.execute(query).fetchone()
            if row and row[0]:
                return
            waiting.wait(0.02)
    pytest.fail("nobody waits for the lock")
