"""Sizes and stamps of quotes on the simulated wire."""

import pytest

from providers.simulator.damage import StruckFeed
from providers.simulator.quotes import Quote
from providers.simulator.wire.base import VendorRequest
from providers.simulator.wire.polygon import PolygonWire
from providers.simulator.wire.quoting import nanoseconds, rfc3339_nanoseconds, us_size
from tests.unit.providers.simulator.test_synthetic_quotes import SOURCE

SINCE = 1_762_146_000_000_000  # 2025-11-03 00:00 in New York


@pytest.mark.parametrize(
    ("shares", "at", "size"),
    [(700.0, SINCE, 700.0), (700.0, SINCE - 1, 7.0), (50.0, SINCE - 1, 1.0), (None, SINCE, None), (None, SINCE - 1, None)],
)
def test_sizes_are_sent_in_the_unit_of_their_time(shares: float | None, at: int, size: float | None) -> None:
    assert us_size(shares, at=at) == size


def test_stamps_have_digits_beyond_the_microsecond() -> None:
    assert (nanoseconds(SINCE + 5), rfc3339_nanoseconds(SINCE + 5)) == (
        (SINCE + 5) * 1000 + (SINCE + 5) % 997,
        f"2025-11-03T05:00:00.000005{(SINCE + 5) % 997:03d}Z",
    )


def test_polygon_sends_round_lots_of_an_old_quote() -> None:
    now = SINCE - 10 * 3_600_000_000
    held = SOURCE.quote(symbol="AAPL", now=now)
    assert isinstance(held, Quote)
    request = VendorRequest(path="/v2/last/nbbo/AAPL", query={}, headers={}, base_url="http://v", now=now, number=1)
    body = PolygonWire().answer(request, StruckFeed(source=SOURCE, now=now)).body.decode()
    assert f'"S":{int((held.ask_size or 0) // 100)},' in body
