"""What several vendors' quotes have in common on the wire. Pure."""

from providers.market.quotes import SizeUnit
from providers.market.types import Micros, from_us
from providers.quote_parsing import us_size_unit

_SHARES_PER_LOT = 100


def us_size(shares: float | None, *, at: Micros) -> float | None:
    """A size of a consolidated US quote as it was sent at that time: shares, or round lots (at least one)."""
    if shares is None or us_size_unit(at) is SizeUnit.SHARES:
        return shares
    return max(shares // _SHARES_PER_LOT, 1.0)


def nanoseconds(at: Micros) -> int:
    """A stamp in nanoseconds, with digits beyond the microsecond as real ones have."""
    return at * 1_000 + at % 997


def rfc3339_nanoseconds(at: Micros) -> str:
    """The same as text."""
    return f"{from_us(at):%Y-%m-%dT%H:%M:%S.%f}{at % 997:03d}Z"


def whole(size: float) -> float | int:
    """A whole number as an integer, as vendors write it."""
    return int(size) if size == int(size) else size
