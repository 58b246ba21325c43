"""Several workers that write the same bars at once, as processes: nothing lost, nothing twice, nobody fails."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from django.db import connection

from collector.models import Bar, BarRevision
from providers.market.types import MINUTE_US, to_us
from tests.builders import minutes, us
from tests.integration.collector.reading import counted_messages, coverage, held, spans
from tests.integration.collector.rows import make_provider, make_series

pytestmark = pytest.mark.usefixtures("database")

PROJECT = Path(__file__).resolve().parents[3]
ASKED = us("2040-01-01 00:00")
SYMBOLS = ("A", "B", "C")


def rounds(count):
    """Each round opens a minute that nobody has written, on both sides of a month edge, and asks the ones before again."""
    edges = [us(f"{year}-{month:02d}-01 00:00") for year in (2027, 2028) for month in (3, 6, 9)]
    return [[start for edge in edges for start in minutes(edge - (n + 1) * MINUTE_US, 2 * n + 2)] for n in range(count)]


def race(module, writers, rounds, **rest):
    """Run `writers` processes of a module against each other, each with its plan."""
    command = [sys.executable, "-m", module, connection.settings_dict["NAME"]]
    started = []
    for writer in range(writers):
        process = subprocess.Popen(command, cwd=PROJECT, text=True, stdin=-1, stdout=-1, stderr=-1)
        started.append(process)
        plan = {"writers": writers, "writer": writer, "seed": writer, "rounds": rounds, **rest}
        process.stdin.write(json.dumps(plan) + "\n")
        process.stdin.flush()
    for process in started:
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in started:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors


@pytest.mark.parametrize(("writers", "count"), [(2, 12), (4, 8)])
def test_workers_that_write_the_same_bars_at_once_lose_nothing_and_say_everything_once(writers, count):
    make_provider("polygon")
    series = [make_series(symbol, mic="XXXX", calendar="24/7") for symbol in SYMBOLS]
    close = {ASKED + i: 10 + i / 1000 for i in range(writers * count)}
    written = rounds(count)
    race("tests.integration.collector.writers", writers, written, asked_at=ASKED, close=close)
    for one in series:
        bars = held(one)
        assert sorted(bars) == sorted(written[-1])
        assert coverage(one)[0] == spans(sorted(bars))
        for bar in bars.values():
            newest = ASKED + count * writers - 1
            assert (to_us(bar.asked_at), bar.close) == (newest, close[newest])
    assert_revisions_never_invert()
    told = counted_messages()
    assert set(told.values()) == {1}
    assert len(told) == Bar.objects.count() + BarRevision.objects.count()


def assert_revisions_never_invert():
    histories = {}
    for old in BarRevision.objects.order_by("series_id", "start", "rev"):
        histories.setdefault((old.series_id, old.start), []).append((old.rev, old.recorded_at, old.asked_at))
        assert old.recorded_at < old.replaced_at
    for bar in Bar.objects.all():
        history = [*histories.get((bar.series_id, bar.start), []), (bar.rev, bar.recorded_at, bar.asked_at)]
        assert [rev for rev, _, _ in history] == list(range(1, bar.rev + 1))
        assert all(a[1] < b[1] and a[2] < b[2] for a, b in pairwise(history))
