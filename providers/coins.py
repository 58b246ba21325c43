"""How our symbols name a pair of coins. Pure."""

_CURRENCIES_LETTERS = 6
_QUOTE_COINS = ("USDT", "USDC", "FDUSD", "USD", "EUR", "GBP", "JPY", "AUD", "CAD", "CHF", "CNY", "BTC", "ETH")


def coin_pair(symbol: str) -> tuple[str, str] | None:
    """Base and quote of `BTC-USD`, `BTC/USD` or `BTCUSD`; None where nobody can tell where the base ends."""
    for joint in ("-", "/"):
        base, found, quote = symbol.partition(joint)
        if found:
            return (base, quote) if base and quote else None
    quote = next((q for q in _QUOTE_COINS if symbol.endswith(q) and symbol != q), "")
    return (symbol.removesuffix(quote), quote) if quote else None


def slashed(symbol: str, *, is_currency: bool) -> str:
    """`BTC/USD` of `BTC-USD` or `BTCUSD`, `EUR/USD` of `EURUSD`; what cannot be told apart stays as it is."""
    if is_currency and len(symbol) == _CURRENCIES_LETTERS and symbol.isalpha():
        return f"{symbol[:3]}/{symbol[3:]}"
    pair = coin_pair(symbol)
    return "/".join(pair) if pair else symbol
