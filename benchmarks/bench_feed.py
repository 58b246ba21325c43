"""The feed: how fast, how soon, how many bytes and how much memory, beside other ways to bring the same messages to as many clients.

Rivals of fan-out: the channel layer's `group_send` on the same server, and a process that does nothing but `websockets.broadcast`. Beside
daphne, which serves the feed, stands uvicorn with the same application. A delivery is one message at one client. Every message is
published alone, since a layer can't send several at once; our hub puts what it reads together into one frame, and so does the
broadcast that is called joined, which shows what frames alone cost: no positions, resumes, acknowledgements, keys or limits.
python -m benchmarks feed
"""

from contextlib import ExitStack
from typing import Any

from benchmarks.feed.bursts import BURSTS, MAIN, speeds
from benchmarks.feed.latencies import of_commits, of_singles
from benchmarks.feed.servers import BARE, BARE_JOINED, DAPHNE, GROUPS, UVICORN, Kind, Server, running
from benchmarks.feed.sizes import bytes_per_bar, kb_per_idle_client
from benchmarks.rows import row

Row = dict[str, Any]


def run() -> list[Row]:
    """Fan-out by turns, since a machine is not equally busy all the time; then what needs the real write path, or fresh servers."""
    with ExitStack() as stack:
        kinds = (DAPHNE, GROUPS, BARE, BARE_JOINED, UVICORN)
        servers = {kind: stack.enter_context(running(kind, apart=True)) for kind in kinds}
        by_turns = [*_fan_out(servers), _singles(servers)]
    with running(DAPHNE) as daphne, running(UVICORN) as uvicorn:
        written = [*_commits(daphne, uvicorn), *_bytes(daphne, uvicorn)]
    return [*by_turns, *written, *_memory()]


def _fan_out(servers: dict[Kind, Server]) -> list[Row]:
    found = speeds(servers)
    rates = [
        row(
            f"feed fan-out, {one.words} / {rival.name}",
            ours=found[one, DAPHNE].deliveries_per_s,
            rival=found[one, rival].deliveries_per_s,
            ratio=found[one, DAPHNE].deliveries_per_s / found[one, rival].deliveries_per_s,
            target=">= 8x" if (one, rival) == (MAIN, GROUPS) else None,
            unit="deliveries/s",
        )
        for one in BURSTS
        for rival in one.rivals
    ]
    work = [
        row(
            f"feed server's CPU, {MAIN.words} / {rival.name}",
            ours=found[MAIN, DAPHNE].cpu_us,
            rival=found[MAIN, rival].cpu_us,
            unit="µs/delivery",
        )
        for rival in MAIN.rivals
    ]
    return rates + work


def _singles(servers: dict[Kind, Server]) -> Row:
    ours, rival = (of_singles(servers[kind]).p99_ms for kind in (DAPHNE, GROUPS))
    return row("feed p99, 200 clients, 10,000 deliveries/s / group_send", ours=ours, rival=rival, target="<= 250", unit="ms")


def _commits(daphne: Server, uvicorn: Server) -> list[Row]:
    ours, rival = of_commits(daphne), of_commits(uvicorn)
    return [
        row("feed p50 from commit to socket, 200 clients / uvicorn", ours=ours.p50_ms, rival=rival.p50_ms, unit="ms"),
        row(
            "feed p99 from commit to socket, 200 clients / uvicorn",
            ours=ours.p99_ms,
            rival=rival.p99_ms,
            target="<= 250",
            unit="ms",
        ),
    ]


def _bytes(daphne: Server, uvicorn: Server) -> list[Row]:
    """Daphne takes no client's offer to compress; uvicorn does."""
    return [
        row(
            f"feed bytes a bar, {bars} a write, deflate {'offered' if deflate else 'not offered'} / uvicorn",
            ours=bytes_per_bar(daphne, bars=bars, deflate=deflate),
            rival=bytes_per_bar(uvicorn, bars=bars, deflate=deflate),
            unit="bytes",
        )
        for bars in (1, 100)
        for deflate in (False, True)
    ]


def _memory() -> list[Row]:
    return [
        row(
            f"feed memory of an idle client, deflate {'offered' if deflate else 'not offered'} / uvicorn",
            ours=kb_per_idle_client(DAPHNE, deflate=deflate),
            rival=kb_per_idle_client(UVICORN, deflate=deflate),
            target="<= 60",
            unit="KB",
        )
        for deflate in (False, True)
    ]
