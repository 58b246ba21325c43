"""Why a provider would not be asked for one instrument: what its limits say, and what the instrument's series are made of."""

from collections.abc import Sequence

from collector.models import Instrument, Series
from providers.adapter import check_supported
from providers.errors import UnsupportedRequest
from providers.market.quotes import QuoteQuery
from providers.market.types import AssetClass, BarQuery, Capability, Interval, Micros
from providers.quote_adapter import check_quotes_supported, quotes_of
from providers.selectors import Candidate
from providers.services.choosing import Refusal


def refusal_for(instrument: Instrument, *, capability: Capability, now: Micros) -> Refusal:
    """The sentence that a job for the newest bars or quotes of the instrument would meet; None where it may ask."""
    asset_class = AssetClass(instrument.asset_class)
    if capability is Capability.QUOTES_L1:
        return lambda asked: _of_quotes(asked, asset_class)
    interval = Interval(capability.value.removeprefix("bars_"))
    series = list(Series.objects.filter(instrument=instrument, interval=interval, is_active=True))
    return lambda asked: _of_bars(asked, asset_class, interval, now) or _of_series(asked, series)


def _of_quotes(asked: Candidate, asset_class: AssetClass) -> str | None:
    adapter = quotes_of(asked.adapter)
    if adapter is None:
        return f"{asked.adapter.name} has no quotes"
    try:
        check_quotes_supported(adapter, QuoteQuery(("-",), asset_class), account=asked.account)
    except UnsupportedRequest as error:
        return str(error)
    return None


def _of_bars(asked: Candidate, asset_class: AssetClass, interval: Interval, now: Micros) -> str | None:
    query = BarQuery(("-",), interval, now - 2 * interval.us, now, asset_class, asked.account.adjustment)
    try:
        check_supported(asked.adapter, query, account=asked.account, now=now)
    except UnsupportedRequest as error:
        return str(error)
    return None


def _of_series(asked: Candidate, series: Sequence[Series]) -> str | None:
    """What `BarGroup.takes` asks of each series; nothing to say where none is collected."""
    account = asked.account
    if not series or any(one.adjustment == account.adjustment and one.feed_scope in {"", account.feed_scope} for one in series):
        return None
    wanted = "; ".join(sorted({f"{one.adjustment} prices" + f" of {one.feed_scope}" * bool(one.feed_scope) for one in series}))
    return f"the series is made of {wanted}, its account has {account.adjustment} prices of {account.feed_scope}"
