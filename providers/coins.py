"""How our symbols name a pair of coins. Pure."""

_QUOTE_COINS = ("USDT", "USDC", "FDUSD", "USD", "EUR", "GBP", "JPY", "AUD", "CAD", "CHF", "BTC", "ETH")


def coin_pair(symbol: str) -> tuple[str, str] | None:
    """Base and quote of `BTC-USD`, `BTC/USD` or `BTCUSD`; None where nobody can tell where the base ends."""
    for joint in ("-", "/"):
        base, found, quote = symbol.partition(joint)
        if found:
            return (base, quote) if base and quote else None
    quote = next((q for q in _QUOTE_COINS if symbol.endswith(q) and symbol != q), "")
    return (symbol.removesuffix(quote), quote) if quote else None
