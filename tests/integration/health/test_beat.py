"""Beat's sign of life, with a real beat: written after it has rung, whatever becomes of Valkey and of workers."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from marketdata_site.celery import app
from ops.health import beats
from ops.health.finding import Severity
from ops.models import BeatTick
from ops.running.programs import Addresses, service_programs
from tests.feed_support import valkey
from tests.waiting import wait_until
from tests.web_server import database_url

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_postgres]
PROJECT = Path(__file__).resolve().parents[3]
PATIENCE_S = 60


def _start(**variables: str) -> "subprocess.Popen[bytes]":
    program = next(p for p in service_programs(Addresses("127.0.0.1", 1, 1), with_vendors=False) if p.name == "beat")
    environment = {**os.environ, **program.environment, "DATABASE_URL": database_url(), **variables}
    return subprocess.Popen(program.command, cwd=PROJECT, env=environment)


@pytest.fixture
def beat() -> Iterator["subprocess.Popen[bytes]"]:
    app.control.purge()
    process = _start()
    yield process
    process.kill()
    process.wait(PATIENCE_S)
    app.control.purge()


def _wait_for_a_newer_tick() -> None:
    before = beats.last_tick()
    wait_until(lambda: beats.last_tick() > before, seconds=PATIENCE_S, what="a sign of life", every_s=0.2)


def test_beat_shows_that_it_lives_without_any_worker_and_after_valkey_was_emptied(beat: "subprocess.Popen[bytes]") -> None:
    assert (beats.last_tick(), beats.look().severity) == (0.0, Severity.ERROR)
    _wait_for_a_newer_tick()
    valkey().flushall()
    _wait_for_a_newer_tick()
    assert beats.look().severity is Severity.OK
    assert BeatTick.objects.get().beat.endswith(f":{beat.pid}")


def test_several_beats_each_have_a_row_and_the_newest_counts(beat: "subprocess.Popen[bytes]") -> None:
    second = _start()
    try:
        wait_until(lambda: BeatTick.objects.count() == 2, seconds=PATIENCE_S, what="the second one", every_s=0.2)
        assert beats.look().found.endswith("2 of them run")
    finally:
        second.kill()
        second.wait(PATIENCE_S)
    _wait_for_a_newer_tick()
    assert beats.look().severity is Severity.OK


def test_beat_without_a_broker_gives_no_sign_of_life_and_goes_on() -> None:
    nowhere = "redis://127.0.0.1:1/0"
    process = _start(REDIS_URL=nowhere, CELERY_BROKER_URL=nowhere)
    app.control.purge()
    other = _start()
    try:
        wait_until(BeatTick.objects.exists, seconds=PATIENCE_S, what="the other one", every_s=0.2)
        for _ in range(2):
            _wait_for_a_newer_tick()
        assert BeatTick.objects.get().beat.endswith(f":{other.pid}")
        assert process.poll() is None
    finally:
        for one in (process, other):
            one.kill()
            one.wait(PATIENCE_S)
        app.control.purge()


def test_rows_of_beats_that_are_long_gone_are_forgotten_but_for_the_last_one() -> None:
    for number in range(3):
        beats.write_tick(f"gone:{number}")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ops_beattick SET at = at - interval '2 days'")
    assert beats.last_tick() > 0
    beats.write_tick("here:1")
    assert [row.beat for row in BeatTick.objects.all()] == ["here:1"]
