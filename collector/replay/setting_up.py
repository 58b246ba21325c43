"""The rows that a replay needs in its own database: vendors, policies, instruments, series."""

from collections.abc import Iterable, Mapping

from collector.models import Instrument, Series
from collector.replay.planning import Target, target_of
from collector.replay.recording import Recorded
from providers.market.types import AssetClass, Capability, Interval, from_us
from providers.models import Provider, RoutingPolicy
from providers.registry import get_adapter

TIER = "T0"
_SECRET = "replayed"  # noqa: S105  # the simulator takes any


def credential_variables(vendors: Iterable[str]) -> dict[str, str]:
    """Environment of the worker: one made-up secret for each credential of each vendor."""
    return {variable: _SECRET for vendor in vendors for variable in _variables(vendor).values()}


def _variables(vendor: str) -> dict[str, str]:
    return {name: f"REPLAY_{vendor}_{name}".upper() for name in get_adapter(vendor).credential_names}


def create_providers(*, vendors: Iterable[str], url: str) -> dict[str, Provider]:
    """A provider row a vendor at the simulator's address, and the policy that asks them in the given order."""
    providers = {
        vendor: Provider.objects.create(
            name=vendor, adapter=vendor, base_url=url, credentials=_variables(vendor), timeout_seconds=60
        )
        for vendor in vendors
    }
    for interval in Interval:
        RoutingPolicy.objects.create(capability=Capability.of_bars(interval), providers=list(providers))
    return providers


def create_targets(recordings: Iterable[Recorded], *, providers: Mapping[str, Provider]) -> list[Target]:
    """Instruments and series as recorded. All are asked for by the stock endpoints: the recording does not say what an instrument is."""
    targets = []
    for recorded in recordings:
        instrument, _ = Instrument.objects.get_or_create(
            symbol=recorded.symbol,
            defaults={
                "calendar": recorded.calendar_name,
                "asset_class": AssetClass.EQUITY,
                "vendor_symbols": dict.fromkeys(providers, recorded.symbol),
            },
        )
        if instrument.calendar != recorded.calendar_name:
            raise ValueError(
                f"{recorded.symbol}: expected one calendar, got {instrument.calendar} and {recorded.calendar_name}"
            )
        first = min(window.start for window in recorded.windows(slots_a_window=1 << 40))
        last = max(window.end for window in recorded.windows(slots_a_window=1 << 40))
        series = Series.objects.create(
            instrument=instrument,
            interval=recorded.interval,
            hours=recorded.hours,
            tier_id=TIER,
            collect_from=from_us(first),
            collect_until=from_us(last),
        )
        targets.append(target_of(recorded, series))
    return targets
