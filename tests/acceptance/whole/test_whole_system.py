"""The whole service with 300 live symbols on three vendors: one vendor breaks, a worker is killed, Valkey is flushed. Nothing is lost."""

import json
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

from tests.acceptance.whole.desk import Desk, running_desk
from tests.acceptance.whole.follower import Follower, following

MINUTE = timedelta(minutes=1)
WEDNESDAY = datetime(2025, 10, 8, 15, 0, 10, tzinfo=UTC)
"""In a session of New York, summer time."""
TIERS = {"T0": 60, "T1": 100, "T2": 140}
SYMBOLS = [f"{tier}S{number:03d}" for tier, count in TIERS.items() for number in range(count)]
ORDER = ["alpaca", "polygon", "finnhub"]
VALUES = ("open", "high", "low", "close", "volume", "vwap", "trade_count", "provider", "rev")


def set_up(desk: Desk, folder: Path) -> None:
    """Instruments from a file, a third vendor, an order; then everybody is told."""
    table = folder / "instruments.csv"
    lines = [f"{symbol},XNAS,XNYS,equity,{symbol[:2]},1m" for symbol in SYMBOLS]
    table.write_text("\n".join(["symbol,mic,calendar,asset_class,tier,interval", *lines]) + "\n")
    code = (
        "from providers.models import Provider, RoutingPolicy\n"
        f"Provider.objects.create(name='finnhub', adapter='finnhub', base_url={desk.vendors.url!r}, credentials={{'api_key': 'FINNHUB_API_KEY'}})\n"
        "Provider.objects.update(rate_per_minute=3_000)\n"  # of plans for a desk of this size, but for
        "Provider.objects.filter(name='polygon').update(rate_per_minute=200)\n"  # who can't stand in for alpaca alone
        f"RoutingPolicy.objects.filter(capability='bars_1m', tier='').update(providers={ORDER!r})\n"
    )
    for words in (["shell", "-v", "0", "-c", code], ["reload_config"], ["load_instruments", str(table)]):
        done = desk.command(*words)
        assert done.returncode == 0, done.stdout + done.stderr


def pass_minute(desk: Desk) -> datetime:
    """Until the present minute has ended; returns its start."""
    start = desk.skip_to_the_end_of_the_minute()
    desk.wait(lambda: desk.now() >= start + MINUTE, "the end of the minute")
    return start


def is_told(follower: Follower, *starts: datetime) -> bool:
    return all(follower.of(start).issuperset(SYMBOLS) for start in starts)


def held(desk: Desk, first: datetime, last: datetime) -> dict[tuple[str, str, datetime], tuple[object, ...]]:
    """What the REST API says of `[first, last)`."""
    found = {}
    for begin in range(0, len(SYMBOLS), 100):
        query = urlencode(
            {"symbol": ",".join(SYMBOLS[begin : begin + 100]), "start": first.isoformat(), "end": last.isoformat()}
        )
        for bar in desk.pages(f"/bars?{query}", "bars"):
            found[bar["symbol"], bar["mic"], datetime.fromisoformat(bar["start"])] = tuple(bar[name] for name in VALUES)
    return found


def test_service_is_whole_again_when_it_lost_a_vendor_a_worker_and_valkey(tmp_path: Path) -> None:
    with running_desk(tmp_path, at=WEDNESDAY, keys={"FINNHUB_API_KEY": "demo"}) as desk:
        set_up(desk, tmp_path)
        with following(desk.url, "bars.1m.*") as follower:
            pass_minute(desk)  # of which the new instruments have only a part
            first = pass_minute(desk)
            desk.wait(lambda: is_told(follower, first), "all bars of the first minute")

            desk.vendors.set_fault("server_error", vendor="alpaca")
            broken = [pass_minute(desk), pass_minute(desk)]
            desk.wait(lambda: is_told(follower, *broken), "all bars although a vendor is broken")

            before = desk.up.pids["live"]
            struck = pass_minute(desk)
            os.kill(before, signal.SIGKILL)
            desk.up.wait(lambda: desk.up.pids["live"] != before)
            flushed = pass_minute(desk)
            desk.flush_valkey()
            desk.vendors.clear_faults()
            whole = pass_minute(desk)
            desk.wait(lambda: is_told(follower, struck, flushed, whole), "what the worker and Valkey lost")

            last = whole
            for _ in range(3):  # until what is missing would be a gap
                last = pass_minute(desk)
            desk.wait(lambda: is_told(follower, last), "all bars of the last minute")
            desk.wait(lambda: desk.counted("backfill_queue_depth") == 0, "the end of all backfill")
            end = last + MINUTE
            desk.wait(lambda: desk.pages(f"/coverage/gaps?start={first:%Y-%m-%d}", "gaps") == [], "the end of all gaps")
            _meets_its_objectives(desk)
            _is_explained(desk)
            _is_counted(desk)
            stored = held(desk, first, end)
            assert len(stored) == len(SYMBOLS) * ((end - first) // MINUTE)
    told = {
        key: tuple(getattr(bar, name) for name in VALUES)
        for key, bar in follower.newest.items()
        if key in stored or (key[0] in SYMBOLS and first <= key[2] < end)
    }
    assert told == stored
    assert set(follower.seen.values()) == {1}, "something came twice"


def _meets_its_objectives(desk: Desk) -> None:
    """For an operator in a terminal, who asks of all series, and for Prometheus."""
    done = desk.command("check_slo", "--exact", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    checked = {(one["tier"], one["interval"]): one for one in json.loads(done.stdout)["objectives"]}
    for tier, count in TIERS.items():
        assert checked[tier, "1m"]["sampled"] >= count
        assert checked[tier, "1m"]["violating"] == 0
    desk.wait(lambda: desk.counted("slo_gap_violation_rate") == 0, "a run of the monitor that finds nobody behind")


def _is_explained(desk: Desk) -> None:
    """No dead letter without a reason, and as many as the metric and the statistics say."""
    dead = desk.pages("/ops/dlq/backfills", "backfills")
    assert all(one["reason"] and one["message"] for one in dead), dead
    assert len(dead) == desk.get("/ops/dlq/stats")["depth"] == desk.counted("dlq_depth")


def _is_counted(desk: Desk) -> None:
    """What the metrics say against what the vendors counted and what the API knows."""
    refused = desk.vendors.summary()["vendors"]["alpaca"]["by_status"]
    failed = sum(count for status, count in refused.items() if int(status) >= 500)
    assert 0 < desk.counted("provider_errors_total", provider="alpaca", code="vendor_fault") <= failed
    assert desk.counted("provider_errors_total", provider="polygon") == 0
    for provider in ORDER:
        assert desk.counted("provider_selected_total", provider=provider) > 0, provider
    assert desk.counted("jobs_processed_total", type="bars") > 0
    assert desk.counted("ws_clients_gauge") == 1
    assert desk.counted("config_last_reload_successful") == 1
