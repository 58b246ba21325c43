"""What a job calls the instruments it asks for, and what a provider calls them."""

from collections import Counter
from collections.abc import Sequence

from collector.models import Instrument
from providers.market.types import AssetClass
from providers.selectors import Candidate


def names_of(instruments: Sequence[Instrument]) -> list[str]:
    """Our symbol of each; where two venues in one job share it, the venue is part of the name."""
    times = Counter(one.symbol for one in instruments)
    return [one.symbol if times[one.symbol] == 1 else f"{one.symbol}@{one.mic}" for one in instruments]


def vendor_symbol(instrument: Instrument, candidate: Candidate) -> str:
    """How a provider spells it: as the instrument's row says, else as its adapter does."""
    own: str | None = instrument.vendor_symbols.get(candidate.name)
    return own or candidate.adapter.vendor_symbol(instrument.symbol, AssetClass(instrument.asset_class))
