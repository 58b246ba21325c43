"""What choosing a provider costs, what reporting on it costs, and how near a single-symbol vendor is asked to the ideal.

python -m benchmarks routing
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp

from benchmarks.rows import row
from benchmarks.slow_vendor import CALL_S
from marketdata_site.observability.clock import now
from providers.adapter import Account
from providers.fetching import ProviderAnswer, ask_provider
from providers.health import Health, Tally
from providers.http import VendorHttp
from providers.lanes import Lane
from providers.market.types import MINUTE_US, SECOND_US, BarQuery, Capability, Interval
from providers.models import Provider, RoutingPolicy
from providers.outcomes import Outcome, Seen
from providers.registry import get_adapter
from providers.routing import Use, decide
from providers.scoring import score
from providers.selectors import Candidate
from providers.services import policies
from providers.services.choosing import look
from providers.services.standings import report
from providers.standing import Standing, Thresholds
from providers.watch import MAX_CONCURRENT_CALLS

SYMBOLS = 1_000
START = 1_700_000_000 // 60 * MINUTE_US
NOW = START + 2 * MINUTE_US


def run() -> list[dict[str, Any]]:
    """The rows of this benchmark."""
    with _slow_vendor() as base:
        ours = [asyncio.run(_ask(base)) for _ in range(3)]
        rival = [asyncio.run(_bare(base)) for _ in range(3)]
    answer, seconds = min(ours, key=lambda one: one[1])
    ideal = SYMBOLS * CALL_S / MAX_CONCURRENT_CALLS
    decision = _microseconds(_decide, turns=2_000)
    choice, report = _rows_cost(answer.tally)
    return [
        row("routing decision among 8 providers", ours=decision, target="<= 200", unit="µs"),
        row("- with its rows read from Postgres", ours=choice, unit="µs"),
        row("report of 1,000 calls, of the job's time", ours=100 * report / 1e6 / seconds, target="<= 1", unit="%"),
        row("- of a job of one call", ours=_microseconds_of_one_report(), unit="µs"),
        row("1,000 calls of 20 ms, against the ideal", ours=seconds / ideal, target="<= 1.5", unit="x"),
        row("- against a bare aiohttp client", ours=seconds, rival=min(rival), ratio=min(rival) / seconds, unit="s"),
    ]


def _decide() -> None:
    scored = score(Health(), now=NOW)
    standings = [Standing(provider=f"p{n}", rank=n, score=scored, has_tokens=n % 3 > 0) for n in range(8)]
    decide(standings, incumbent="p1", thresholds=Thresholds(), now=NOW, lane=Lane.LIVE, probe_free=frozenset({"p2"}))


def _rows_cost(tally: Tally) -> tuple[float, float]:
    """Microseconds of one choice with its rows, and of one report of that many calls."""
    rows = [Provider.objects.create(name=f"bench{n}", adapter="polygon", credentials={"api_key": "NONE"}) for n in range(8)]
    RoutingPolicy.objects.create(capability=Capability.BARS_30M, providers=[one.name for one in rows])
    policies.reload(author="bench", through="command", now=now())
    snapshot = policies.current()
    for one in rows:
        _report_once(one.pk, tally)
    choice = _microseconds(
        lambda: look(snapshot, capability=Capability.BARS_30M, tier="T0", lane=Lane.LIVE, now=NOW), turns=100
    )
    return choice, _microseconds(lambda: _report_once(rows[0].pk, tally), turns=20)


def _report_once(provider_id: int, tally: Tally) -> None:
    report(
        provider_id=provider_id,
        capability=Capability.BARS_30M,
        tally=tally,
        use=Use.NORMAL,
        promote=0.85,
        now=NOW + SECOND_US,
    )


def _microseconds_of_one_report() -> float:
    provider_id = Provider.objects.filter(name="bench1").values_list("pk", flat=True).get()
    tally = Tally(seen=(Seen(NOW, Outcome.OK),), asked=1, answered=1)
    return _microseconds(lambda: _report_once(provider_id, tally), turns=100)


def _microseconds(call: Callable[[], object], *, turns: int) -> float:
    """The median of single calls: what others do on the machine hits few of them."""
    times = []
    for _ in range(turns):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1e6


async def _ask(base: str) -> tuple[ProviderAnswer, float]:
    account = Account(provider="slow", adapter="polygon", base_url=base, credentials={"api_key": "k"})
    candidate = Candidate(1, get_adapter("polygon"), account, rank=0, overlap=0, settle_after=0, deadline_s=30.0)
    query = BarQuery(symbols=(), interval=Interval.M1, start=START, end=START + MINUTE_US)
    http = VendorHttp()
    try:
        begun = time.perf_counter()
        names = {name: name for name in _names()}
        answer = await ask_provider(candidate, query=query, vendor_symbols=names, http=http, asked_at=NOW)
        seconds = time.perf_counter() - begun
    finally:
        await http.close()
    assert len(answer.answered) == SYMBOLS, answer.failed
    return answer, seconds


async def _bare(base: str) -> float:
    """The same calls by the HTTP library alone, nothing parsed, nothing counted."""
    slots = asyncio.Semaphore(MAX_CONCURRENT_CALLS)
    async with aiohttp.ClientSession() as session:

        async def one(name: str) -> None:
            async with slots, session.get(f"{base}/v2/aggs/ticker/{name}/range/1/minute/{START // 1000}/1") as answer:
                await answer.read()

        begun = time.perf_counter()
        await asyncio.gather(*(one(name) for name in _names()))
        return time.perf_counter() - begun


def _names() -> list[str]:
    return [f"S{number:04d}" for number in range(SYMBOLS)]


@contextmanager
def _slow_vendor() -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.slow_vendor"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # our own command
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()
