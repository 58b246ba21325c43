"""What every test of the contract asks with: an account with recognisable secrets and queries wide enough for any recording."""

from datetime import UTC, datetime

from providers.adapter import Account, Adapter
from providers.market.types import AssetClass, BarQuery, FeedScope, Interval, to_us

SECRET = "sk-7f3a/91+c%d2"
WIDE_START = to_us(datetime(2000, 1, 1, tzinfo=UTC))
WIDE_END = to_us(datetime(2030, 1, 1, tzinfo=UTC))


def account_of(adapter: Adapter, *, base_url: str = "", feed_scope: FeedScope = FeedScope.CONSOLIDATED) -> Account:
    """An account whose every credential is `SECRET` with a tail of its own."""
    credentials = {name: f"{SECRET}{i}" for i, name in enumerate(adapter.credential_names)}
    return Account(
        provider=f"{adapter.name}-main", adapter=adapter.name, base_url=base_url, credentials=credentials, feed_scope=feed_scope
    )


def query_of(
    *symbols: str,
    interval: Interval = Interval.M1,
    start: int = WIDE_START,
    end: int = WIDE_END,
    asset_class: AssetClass = AssetClass.EQUITY,
) -> BarQuery:
    """A query of three decades unless told otherwise."""
    return BarQuery(symbols=symbols or ("AAPL",), interval=interval, start=start, end=end, asset_class=asset_class)
