"""The vendors that the simulator can play."""

from providers.simulator.wire.alpaca import AlpacaWire
from providers.simulator.wire.base import WireFormat
from providers.simulator.wire.polygon import PolygonWire

WIRE_FORMATS: tuple[WireFormat, ...] = (PolygonWire(), AlpacaWire())
