"""The vendors that the simulator can play."""

from providers.simulator.wire.alpaca import AlpacaWire
from providers.simulator.wire.alpha_vantage import AlphaVantageWire
from providers.simulator.wire.base import WireFormat
from providers.simulator.wire.binance import BinanceWire
from providers.simulator.wire.coinbase import CoinbaseWire
from providers.simulator.wire.finnhub import FinnhubWire
from providers.simulator.wire.kraken import KrakenWire
from providers.simulator.wire.polygon import PolygonWire
from providers.simulator.wire.tiingo import TiingoWire
from providers.simulator.wire.twelve_data import TwelveDataWire
from providers.simulator.wire.yahoo import YahooWire

WIRE_FORMATS: tuple[WireFormat, ...] = (
    PolygonWire(),
    AlpacaWire(),
    TwelveDataWire(),
    AlphaVantageWire(),
    YahooWire(),
    TiingoWire(),
    FinnhubWire(),
    BinanceWire(),
    KrakenWire(),
    CoinbaseWire(),
)
