"""One simulated vendor call from request to answer: which vendor, faults, keys, limits, wire format. No sockets."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from providers.market.types import MINUTE_US
from providers.simulator.damage import StruckFeed
from providers.simulator.delivery import html_page
from providers.simulator.faults import Fault, FaultBook, FaultKind
from providers.simulator.limits import RateLimit
from providers.simulator.source import Source
from providers.simulator.wire import WIRE_FORMATS
from providers.simulator.wire.base import Answer, LimitState, Refusal, VendorRequest, WireFormat

VENDORS = frozenset(wire.vendor for wire in WIRE_FORMATS)


@dataclass(frozen=True, slots=True)
class Vendors:
    """All vendors behind one port; their paths do not overlap."""

    source: Source
    faults: FaultBook
    limits: dict[str, RateLimit]
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)

    def find(self, request: VendorRequest) -> tuple[WireFormat, tuple[str, ...]] | None:
        """The vendor whose path it is and the symbols that are asked for."""
        for wire in WIRE_FORMATS:
            symbols = wire.symbols(request)
            if symbols is not None:
                return wire, symbols
        return None

    def answer(self, wire: WireFormat, request: VendorRequest, faults: list[Fault]) -> Answer:
        """The answer, refusals by faults first, then by key, then by limit."""
        refusing = next((fault for fault in faults if fault.kind.value in tuple(Refusal)), None)
        if refusing:
            return self._with_limit(wire, self._refused(wire, request, refusing), _spent(request, refusing))
        if not self._accepts(wire, request):
            return wire.refuse(Refusal.UNAUTHORIZED, request)
        fits, state = self.limits[wire.vendor].take(request.now)
        if not fits:
            return self._with_limit(wire, wire.refuse(Refusal.THROTTLE, request), state)
        html = next((fault for fault in faults if fault.kind is FaultKind.HTML), None)
        feed = StruckFeed(source=self.source, now=request.now, faults=tuple(faults))
        return self._with_limit(wire, html_page(html) if html else wire.answer(request, feed), state)

    def _accepts(self, wire: WireFormat, request: VendorRequest) -> bool:
        shown = wire.credentials(request)
        if shown is None:
            return not wire.needs_credentials(request)
        return self.keys.get(wire.vendor, shown) == shown

    def _refused(self, wire: WireFormat, request: VendorRequest, fault: Fault) -> Answer:
        answer = wire.refuse(Refusal(fault.kind.value), request)
        if fault.kind is FaultKind.SERVER_ERROR:
            return replace(answer, status=int(fault.number("status")))
        if fault.kind is FaultKind.THROTTLE and fault.parameter("retry_after") is not None:
            return replace(answer, headers={**answer.headers, "Retry-After": f"{fault.number('retry_after'):g}"})
        return answer

    def _with_limit(self, wire: WireFormat, answer: Answer, state: LimitState | None) -> Answer:
        if state is None:
            return answer
        return replace(answer, headers={**answer.headers, **wire.limit_headers(state)})


def _spent(request: VendorRequest, fault: Fault) -> LimitState | None:
    """What a vendor that throttles would say of its limit."""
    return LimitState(limit=200, remaining=0, reset_at=request.now + MINUTE_US) if fault.kind is FaultKind.THROTTLE else None
