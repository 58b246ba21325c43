"""Two worker processes share 300 requests a minute; the vendor's own journal says when each request arrived."""

import bisect
import json
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.db import connection

from marketdata_site.observability.clock import OFFSET_VARIABLE
from providers.market.types import MINUTE_US
from providers.simulator.launch import start_simulator
from providers.simulator.options import SimulatorOptions
from tests.faults.sizes import sized
from tests.integration.collector.rows import make_provider
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
PROJECT = Path(__file__).resolve().parents[2]
PER_MINUTE = 300
RESERVE = 20
SECONDS, SKIPPED_S = sized(short=(32, 45), long=(75, 0))
"""How long they work, and how far everybody's clock is moved once the first minute's tokens are gone: together long enough to see
backfill go on after the 66 seconds that its tokens count."""
BACKFILL = {"lane": "history", "symbol": "HIST", "patience_s": 5, "every_s": 0.25, "callers": 8}
"""Up to 32 requests a second: what backfill may have of a minute is gone within ten."""
LIVE = {"lane": "live", "symbol": "LIVE", "patience_s": 0, "every_s": 1.2, "callers": 1}
"""At most 50 live requests a minute, of 60 that are kept for them: each has to go out at once."""
OF_BACKFILL = PER_MINUTE * (100 - RESERVE) // 100


def start_worker(stack, plan):
    command = [sys.executable, "-m", "tests.faults.budget_worker", connection.settings_dict["NAME"]]
    process = stack.enter_context(subprocess.Popen(command, cwd=PROJECT, text=True, stdin=-1, stdout=-1, stderr=-1))
    stack.callback(process.kill)
    process.stdin.write(json.dumps(plan) + "\n")
    process.stdin.flush()
    assert process.stdout.readline() == "ready\n", process.communicate()[1]
    return process


def end_of(process):
    said, errors = process.communicate(timeout=2 * SECONDS)
    assert process.returncode == 0, errors
    return json.loads(said)


def of(symbol, simulator):
    """When the calls for a symbol arrived."""
    return [call["at"] for call in simulator.calls(vendor="polygon", symbol=symbol)]


def is_dry(arrivals, simulator):
    """Whether no call of backfill came since the last look: one that is on its way while the clock is moved would count twice."""
    arrivals.append(len(of("HIST", simulator)))
    return arrivals[-1] == arrivals[-2] >= 0.8 * OF_BACKFILL


def busiest(moments, span=MINUTE_US):
    ordered = sorted(moments)
    return max(bisect.bisect_left(ordered, m + span) - i for i, m in enumerate(ordered))


@pytest.fixture
def clock(monkeypatch, tmp_path):
    """The file that all processes read their clock's offset from."""
    file = tmp_path / "offset"
    file.write_text("0")
    monkeypatch.setenv(OFFSET_VARIABLE, f"@{file}")
    return file


@pytest.fixture
def simulator(clock):
    with start_simulator(SimulatorOptions(seed=7, rates={"polygon": PER_MINUTE})) as control:
        yield control


def test_two_workers_never_exceed_the_limit_and_use_most_of_it_and_backfill_leaves_live_its_reserve(
    transactional_db, clock, simulator
):
    shared = {
        "provider_id": make_provider("polygon").pk,
        "base_url": simulator.url,
        "per_minute": PER_MINUTE,
        "reserve": RESERVE,
    }
    with ExitStack() as stack:
        workers = [start_worker(stack, shared | plan) for plan in (BACKFILL, LIVE)]
        for worker in workers:
            worker.stdin.write(f"{time.monotonic() + SECONDS}\n")
            worker.stdin.flush()
        arrivals = [0]
        wait_until(lambda: is_dry(arrivals, simulator), seconds=SECONDS, what="the end of the minute's tokens", every_s=1)
        clock.with_suffix(".new").write_text(str(SKIPPED_S))
        clock.with_suffix(".new").replace(clock)
        backfill, live = [end_of(worker) for worker in workers]

    calls = simulator.calls(vendor="polygon")
    arrived = [call["at"] for call in calls]
    by_lane = {name: of(name, simulator) for name in ("HIST", "LIVE")}
    begun = min(arrived)
    assert {call["status"] for call in calls} == {200}  # the vendor limits too, by a window of its own, and never had to
    assert busiest(arrived) <= PER_MINUTE
    assert busiest(by_lane["HIST"]) <= OF_BACKFILL
    first_minute = [moment for moment in arrived if moment < begun + MINUTE_US]
    assert len(first_minute) >= 0.8 * PER_MINUTE
    assert [moment for moment in by_lane["HIST"] if moment >= begun + MINUTE_US], "backfill did not resume"
    assert (live["refused"], live["errors"], backfill["errors"]) == (0, 0, 0)
    assert live["admitted"] == len(by_lane["LIVE"]) >= SECONDS / 2
