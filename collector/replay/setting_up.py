"""The rows that a replay needs in its own database: accounts, policies, instruments, series."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.apps import apps
from django.db import connection

from collector.models import Instrument, Series, Tier
from collector.replay.choosing import Choice, Taken, asset_class_of
from collector.replay.planning import Target, target_of
from providers.market.types import Adjustment, Capability, FeedScope, Interval, from_us
from providers.models import Provider, RoutingPolicy
from providers.policy import Overrides
from providers.registry import get_adapter
from providers.services import policies

TIER = "T0"
NO_LIMIT = 1_000_000
"""Requests a minute: how fast a replay is does not hang on what an account would be allowed."""
_SECRET = "replayed"  # noqa: S105  # the simulator takes any


@dataclass(frozen=True, slots=True)
class AccountKey:
    """A vendor's account serves one adjustment and one feed: a vendor with several has as many rows."""

    vendor: str
    adjustment: Adjustment
    feed_scope: FeedScope

    @property
    def name(self) -> str:
        return f"{self.vendor}-{self.adjustment.value}-{self.feed_scope.value}"


def credential_variables(vendors: Iterable[str]) -> dict[str, str]:
    """Environment of the worker: one made-up secret for each credential of each vendor."""
    return {variable: _SECRET for vendor in vendors for variable in _variables(vendor).values()}


def _variables(vendor: str) -> dict[str, str]:
    return {name: f"REPLAY_{vendor}_{name}".upper() for name in get_adapter(vendor).credential_names}


def clear() -> None:
    """Empty all tables but that of the tiers, for the next vendor."""
    models = [model for name in ("providers", "collector") for model in apps.get_app_config(name).get_models()]
    tables = sorted({model._meta.db_table for model in models if model._meta.managed} - {Tier._meta.db_table})
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")


def create_providers(
    choices: Iterable[Choice], *, vendors: Sequence[str], url: str, now: datetime
) -> dict[AccountKey, Provider]:
    """A row an account at the simulator's address, and the policy, made active, that asks them in the order of the vendors."""
    used = {key_of(vendor, taken) for choice in choices for vendor, taken in choice.taken.items()}
    keys = sorted(used, key=lambda key: (vendors.index(key.vendor), key.name))
    providers = {key: _provider(key, url) for key in keys}
    for interval in Interval if providers else ():
        names = [row.name for key, row in providers.items() if interval in get_adapter(key.vendor).limits.intervals]
        if names:
            RoutingPolicy.objects.create(capability=Capability.of_bars(interval), providers=names)
    if providers:
        # An operator's overrides count for nothing here.
        done = policies.reload(author="replay_dataset", through="command", now=now, overrides=Overrides({}))
        if not done.ok:
            raise RuntimeError(f"the replay's own policy is refused: {done.error}")
    return providers


def key_of(vendor: str, taken: Taken) -> AccountKey:
    """The account by which a series is asked for."""
    return AccountKey(vendor, taken.adjustment, taken.feed_scope)


def _provider(key: AccountKey, url: str) -> Provider:
    return Provider.objects.create(
        name=key.name,
        adapter=key.vendor,
        base_url=url,
        credentials=_variables(key.vendor),
        feed_scope=key.feed_scope,
        adjustment=key.adjustment,
        rate_per_minute=NO_LIMIT,
        live_reserve_percent=0,
        timeout_seconds=60,
        slow_after_ms=60_000,
    )


def create_targets(choices: Iterable[Choice]) -> list[Target]:
    """Instruments and series of what the vendors have, as the one with most of it has it; those that agree with it are asked too."""
    return [_target(choice, lead) for choice in choices if (lead := choice.lead) is not None]


def _target(choice: Choice, lead: Taken) -> Target:
    recorded = lead.recorded
    takers = [taken for taken in choice.taken.values() if taken.adjustment is lead.adjustment]
    whole = recorded.windows(slots_a_window=1 << 40)
    series = Series.objects.create(
        instrument=_instrument(choice),
        interval=recorded.interval,
        hours=recorded.hours,
        adjustment=lead.adjustment,
        feed_scope="" if lead.feed_scope is FeedScope.CONSOLIDATED else lead.feed_scope,
        tier_id=TIER,
        collect_from=from_us(whole[0].start),
        collect_until=from_us(whole[-1].end),
    )
    columns = [name for name in lead.columns if all(name in taken.columns for taken in takers)]
    depth = min((taken.depth for taken in takers if taken.depth is not None), default=None)
    longest = min((taken.longest for taken in takers if taken.longest is not None), default=None)
    return target_of(recorded, series, columns=columns, depth=depth, longest=longest)


def _instrument(choice: Choice) -> Instrument:
    recorded = choice.recorded
    instrument, _ = Instrument.objects.get_or_create(
        symbol=recorded.symbol,
        defaults={
            "calendar": recorded.calendar_name,
            "asset_class": asset_class_of(recorded),
        },
    )
    if instrument.calendar != recorded.calendar_name:
        raise ValueError(f"{recorded.symbol}: expected one calendar, got {instrument.calendar} and {recorded.calendar_name}")
    spelled = {key_of(vendor, taken).name: taken.symbol for vendor, taken in choice.taken.items()}
    instrument.vendor_symbols |= spelled
    instrument.save(update_fields=["vendor_symbols"])
    return instrument


def accounts_that_send_zero(providers: Mapping[AccountKey, Provider]) -> frozenset[int]:
    """Ids of the accounts whose vendor sends 0 for a volume that it does not know."""
    return frozenset(p.pk for key, p in providers.items() if not get_adapter(key.vendor).limits.can_say_null_volume)
