"""Each kind of fault, seen on the wire of both vendors."""

import http.client
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from providers.errors import AuthFailed, MalformedAnswer, NotEntitled, ProviderError, Throttled, VendorFault
from providers.market.types import DAY_US, MINUTE_US, SECOND_US, BarQuery, Interval, to_us
from providers.simulator.faults import FaultKind
from providers.simulator.launch import SimulatorControl, start_simulator
from providers.simulator.options import SimulatorOptions
from tests.contract.simulated import ALPACA_KEYS, POLYGON_KEY, Reply, adapter_pages, ask_alpaca, ask_polygon
from tests.waiting import wait_until

START = to_us(datetime(2025, 3, 6, 14, 0, tzinfo=UTC))
END = START + 30 * MINUTE_US
VENDORS = ("polygon", "alpaca")


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorControl]:
    with start_simulator(SimulatorOptions(seed=5)) as simulator:
        yield simulator


@pytest.fixture
def simulator(server: SimulatorControl) -> Iterator[SimulatorControl]:
    yield server
    server.clear_faults()
    server.set_limits({"polygon": None, "alpaca": 10_000})


def _ask(simulator: SimulatorControl, vendor: str, symbol: str = "AAPL", **more: Any) -> Reply:
    if vendor == "polygon":
        return ask_polygon(simulator.url, symbol, START // 1000, END // 1000 - 1, **more)
    stamps = [datetime.fromtimestamp(us / SECOND_US, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for us in (START, END - SECOND_US)]
    return ask_alpaca(simulator.url, symbol, *stamps, **more)


def _rows(reply: Reply, symbol: str = "AAPL") -> list[dict[str, Any]]:
    body = reply.json()
    return body["results"] if "results" in body else body.get("bars", {}).get(symbol, [])


def _adapter_error(simulator: SimulatorControl, vendor: str) -> type[ProviderError]:
    with pytest.raises(ProviderError) as caught:
        adapter_pages(simulator.url, vendor, BarQuery(symbols=("AAPL",), interval=Interval.M1, start=START, end=END))
    return type(caught.value)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    ("kind", "status", "meaning"),
    [
        ("unauthorized", 401, AuthFailed),
        ("forbidden_entitlement", 403, NotEntitled),
        ("throttle", 429, Throttled),
        ("server_error", 500, VendorFault),
    ],
)
def test_a_refusal_has_the_vendors_status_and_our_adapter_reads_its_meaning(
    simulator: SimulatorControl, vendor: str, kind: str, status: int, meaning: type[ProviderError]
) -> None:
    simulator.set_fault(kind, vendor=vendor)
    assert _ask(simulator, vendor).status == status
    assert _adapter_error(simulator, vendor) is meaning


def test_the_two_meanings_of_403_differ_in_words(simulator: SimulatorControl) -> None:
    simulator.set_fault("forbidden_credentials", count=2)
    assert _ask(simulator, "alpaca").json() == {"message": "forbidden."}
    assert _ask(simulator, "polygon").json()["error"] == "Unknown API Key"
    simulator.set_fault("forbidden_entitlement")
    assert _ask(simulator, "alpaca").json() == {"message": "subscription does not permit querying recent SIP data"}
    assert _ask(simulator, "polygon").json()["status"] == "NOT_AUTHORIZED"


def test_a_wrong_key_by_403_stops_our_adapter_when_it_comes_from_alpaca(simulator: SimulatorControl) -> None:
    simulator.set_fault("forbidden_credentials")
    assert _adapter_error(simulator, "alpaca") is AuthFailed


def test_a_storm_of_429_has_the_headers_that_the_vendor_has(simulator: SimulatorControl) -> None:
    simulator.set_fault("throttle", retry_after=7)
    alpaca, polygon = _ask(simulator, "alpaca"), _ask(simulator, "polygon")
    assert (alpaca.headers["retry-after"], polygon.headers["retry-after"]) == ("7", "7")
    assert alpaca.body == b"too many requests"
    assert alpaca.headers["x-ratelimit-remaining"] == "0"
    assert int(alpaca.headers["x-ratelimit-reset"]) * SECOND_US > time.time_ns() // 1000
    assert "x-ratelimit-remaining" not in polygon.headers
    assert "exceeded the maximum requests per minute" in polygon.json()["error"]


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_timeout_sends_nothing_and_a_caller_that_leaves_is_in_the_log(simulator: SimulatorControl, vendor: str) -> None:
    simulator.forget_calls()
    simulator.set_fault("timeout", vendor=vendor)
    with pytest.raises(TimeoutError):
        _ask(simulator, vendor, seconds=0.5)
    wait_until(lambda: simulator.calls(vendor=vendor), seconds=60, what="the call in the log")
    calls = simulator.calls(vendor=vendor)
    assert (calls[0]["status"], calls[0]["faults"]) == (0, ["timeout"])


def test_a_timeout_closes_the_connection_when_its_seconds_are_over(simulator: SimulatorControl) -> None:
    simulator.set_fault("timeout", seconds=0.1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        _ask(simulator, "polygon")


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_connection_is_reset_before_or_within_the_body(simulator: SimulatorControl, vendor: str) -> None:
    simulator.set_fault("connection_reset", vendor=vendor, count=1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        _ask(simulator, vendor)
    simulator.set_fault("connection_reset", vendor=vendor, after_bytes=50)
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        _ask(simulator, vendor)


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_drip_brings_the_whole_body_in_pieces(simulator: SimulatorControl, vendor: str) -> None:
    whole = _rows(_ask(simulator, vendor))
    simulator.set_fault("drip", vendor=vendor, pieces=4, seconds=0.0, count=1)
    assert _rows(_ask(simulator, vendor)) == whole
    simulator.set_fault("drip", vendor=vendor, pieces=4, seconds=3600.0)
    connection = http.client.HTTPConnection(urlsplit(simulator.url).netloc, timeout=30)
    connection.request("GET", simulator.calls(vendor=vendor)[0]["path"], headers={**POLYGON_KEY, **ALPACA_KEYS})
    response = connection.getresponse()
    size = int(response.headers["content-length"])
    assert len(response.read(-(-size // 4))) == -(-size // 4)
    connection.sock.settimeout(0.3)
    with pytest.raises(TimeoutError):
        response.read(1)
    connection.close()


@pytest.mark.parametrize("vendor", VENDORS)
def test_truncated_json_has_a_matching_length_and_is_no_json(simulator: SimulatorControl, vendor: str) -> None:
    simulator.set_fault("truncated", vendor=vendor)
    reply = _ask(simulator, vendor)
    assert (reply.status, int(reply.headers["content-length"])) == (200, len(reply.body))
    with pytest.raises(msgspec.DecodeError):
        reply.json()


@pytest.mark.parametrize("vendor", VENDORS)
def test_html_comes_with_200(simulator: SimulatorControl, vendor: str) -> None:
    simulator.set_fault("html", vendor=vendor)
    reply = _ask(simulator, vendor)
    assert (reply.status, reply.headers["content-type"].partition(";")[0]) == (200, "text/html")
    assert _adapter_error(simulator, vendor) is MalformedAnswer


def test_a_partial_page_of_polygon_counts_rows_that_it_does_not_send(simulator: SimulatorControl) -> None:
    simulator.set_fault("partial_page", fraction=0.25)
    body = _ask(simulator, "polygon").json()
    assert (body["resultsCount"], len(body["results"])) == (30, 7)
    assert len(_rows(_ask(simulator, "alpaca"))) == 7


@pytest.mark.parametrize("vendor", VENDORS)
def test_duplicate_rows_are_sent_twice(simulator: SimulatorControl, vendor: str) -> None:
    whole = _rows(_ask(simulator, vendor))
    simulator.set_fault("duplicate_rows", vendor=vendor, every=10)
    assert [row["t"] for row in _rows(_ask(simulator, vendor))] == sorted([row["t"] for row in whole + whole[::10]])


@pytest.mark.parametrize("vendor", VENDORS)
def test_unordered_rows_are_the_same_rows(simulator: SimulatorControl, vendor: str) -> None:
    whole = _rows(_ask(simulator, vendor))
    simulator.set_fault("unordered_rows", vendor=vendor)
    mixed = _rows(_ask(simulator, vendor))
    assert mixed != whole
    assert sorted(mixed, key=lambda row: row["t"]) == whole


@pytest.mark.parametrize("vendor", VENDORS)
def test_one_bad_row_has_its_high_below_its_low(simulator: SimulatorControl, vendor: str) -> None:
    simulator.set_fault("bad_row", vendor=vendor)
    assert [row["h"] < row["l"] for row in _rows(_ask(simulator, vendor))].count(True) == 1


def test_a_wrong_symbol_is_named_in_the_body(simulator: SimulatorControl) -> None:
    simulator.set_fault("wrong_symbol", symbol="TSLA")
    assert _ask(simulator, "polygon").json()["ticker"] == "TSLA"
    assert list(_ask(simulator, "alpaca").json()["bars"]) == ["TSLA"]
    assert _adapter_error(simulator, "polygon") is MalformedAnswer


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_late_correction_changes_the_bars_of_its_span_only(simulator: SimulatorControl, vendor: str) -> None:
    before = _rows(_ask(simulator, vendor))
    span = {"start": START + 2 * MINUTE_US, "end": START + 4 * MINUTE_US}
    simulator.set_fault("late_correction", vendor=vendor, price_delta=-0.25, volume_delta=5, **span)
    after = _rows(_ask(simulator, vendor))
    assert [i for i, (old, new) in enumerate(zip(before, after, strict=True)) if old != new] == [2, 3]
    assert after[2]["c"] == round(before[2]["c"] - 0.25, 2)
    assert after[2]["v"] == before[2]["v"] + 5
    assert after[2]["l"] <= after[2]["c"] <= after[2]["h"]


@pytest.mark.parametrize("vendor", VENDORS)
def test_withdrawn_bars_are_gone(simulator: SimulatorControl, vendor: str) -> None:
    before = _rows(_ask(simulator, vendor))
    simulator.set_fault("withdrawn", vendor=vendor, start=START, end=START + 3 * MINUTE_US)
    assert _rows(_ask(simulator, vendor)) == before[3:]


def test_delayed_bars_come_late_and_polygon_can_say_so(simulator: SimulatorControl) -> None:
    since = time.time_ns() // 1000 - START
    late = (since - 10 * MINUTE_US) / SECOND_US  # so that the bars of the last twenty minutes are not yet out
    number = simulator.set_fault("delayed", seconds=late)
    assert 8 <= len(_rows(_ask(simulator, "polygon"))) <= 10
    assert 8 <= len(_rows(_ask(simulator, "alpaca"))) <= 10
    assert _ask(simulator, "polygon").json()["status"] == "OK"
    simulator.clear_faults(number)
    simulator.set_fault("delayed", seconds=late, announced=True)
    assert _ask(simulator, "polygon").json()["status"] == "DELAYED"


def test_a_mute_vendor_is_200_and_empty_in_the_vendors_form(simulator: SimulatorControl) -> None:
    simulator.set_fault("mute")
    polygon = _ask(simulator, "polygon")
    assert (polygon.status, polygon.json()["resultsCount"], "results" in polygon.json()) == (200, 0, False)
    assert _ask(simulator, "alpaca").json() == {"bars": {}, "next_page_token": None}


@pytest.mark.parametrize("kind", list(FaultKind))
def test_every_kind_strikes_and_is_named_in_log_and_calls(simulator: SimulatorControl, kind: FaultKind) -> None:
    simulator.forget_calls()
    quick = {"timeout": {"seconds": 0.01}, "drip": {"seconds": 0.0}}
    number = simulator.set_fault(kind.value, vendor="polygon", **quick.get(kind.value, {}))
    try:
        _ask(simulator, "polygon")
    except (http.client.HTTPException, ConnectionError):
        assert kind in (FaultKind.TIMEOUT, FaultKind.CONNECTION_RESET)
    (call,) = simulator.calls()
    assert call["faults"] == [kind.value]
    assert simulator.faults()[0]["struck"] == 1
    lines = "\n".join(simulator.log())
    assert f"fault {number} set: {kind.value} at polygon" in lines
    assert f"fault {number} strikes polygon: {kind.value}" in lines


def _failures(simulator: SimulatorControl, calls: int, ask: Callable[[], Reply]) -> list[bool]:
    return [ask().status == 500 for _ in range(calls)]


def test_a_fault_strikes_its_vendor_and_symbols_only(simulator: SimulatorControl) -> None:
    simulator.set_fault("server_error", vendor="alpaca", symbols=["MSFT", "BTC/USD"])
    assert _ask(simulator, "polygon", "MSFT").status == 200
    assert _ask(simulator, "alpaca", "AAPL").status == 200
    assert _ask(simulator, "alpaca", "AAPL,MSFT").status == 500


def test_a_fault_of_one_symbol_leaves_the_rows_of_others_in_one_call(simulator: SimulatorControl) -> None:
    simulator.set_fault("mute", symbols=["MSFT"])
    assert list(_ask(simulator, "alpaca", "AAPL,MSFT").json()["bars"]) == ["AAPL"]


def test_a_fault_ends_after_its_count(simulator: SimulatorControl) -> None:
    simulator.set_fault("server_error", count=2)
    assert _failures(simulator, 4, lambda: _ask(simulator, "polygon")) == [True, True, False, False]
    assert simulator.faults() == []


def test_a_fault_ends_at_its_time(simulator: SimulatorControl) -> None:
    simulator.set_fault("server_error", for_seconds=0)
    assert _ask(simulator, "polygon").status == 200


def test_a_share_of_calls_is_struck_the_same_way_in_every_run() -> None:
    runs = []
    for _ in range(2):
        with start_simulator(SimulatorOptions(seed=5)) as simulator:
            simulator.set_fault("server_error", share=0.4)
            runs.append(_failures(simulator, 50, lambda simulator=simulator: _ask(simulator, "polygon")))
    assert runs[0] == runs[1]
    assert 10 <= sum(runs[0]) <= 30


def test_faults_that_touch_rows_and_bytes_come_together(simulator: SimulatorControl) -> None:
    simulator.set_fault("duplicate_rows", every=1)
    simulator.set_fault("withdrawn", start=START, end=START + 10 * MINUTE_US)
    simulator.set_fault("drip", pieces=2, seconds=0.0)
    assert len(_rows(_ask(simulator, "polygon"))) == 40


def test_a_page_that_was_spoilt_still_leads_to_the_next_one(simulator: SimulatorControl) -> None:
    simulator.set_fault("partial_page", count=1)
    query = BarQuery(symbols=("AAPL",), interval=Interval.M1, start=START, end=START + 20 * DAY_US)
    first, *others = adapter_pages(simulator.url, "alpaca", query)
    assert len(first.batch) == 5_000
    assert others
