"""Rows and writes for tests of the write path and of collecting."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from collector.core.messages import SeriesLabel
from collector.models import CalendarOverride, Instrument, Series, Tier
from collector.store_batch import AbsentSlots, WriteBatch
from marketdata_site.observability import clock
from providers.market.calendar import get_calendar
from providers.market.types import SECOND_US, Hours, Interval, Micros
from providers.models import Provider, RoutingPolicy
from providers.services import policies
from tests.builders import batch_of, moment

TIERS = {"T0": (2, 0.005, 5_000), "T1": (5, 0.02, 10_000), "T2": (10, 0.05, 20_000)}


def make_provider(name: str = "polygon", *, adapter: str = "", **values: Any) -> Provider:
    """A provider row whose credentials are read from variables of the test."""
    adapter = adapter or name
    keys = {"polygon": ("api_key",), "alpaca": ("key_id", "secret_key")}[adapter]
    credentials = {key: f"TEST_{name}_{key}".upper() for key in keys}
    return Provider.objects.get_or_create(name=name, defaults={"adapter": adapter, "credentials": credentials, **values})[0]


def make_policy(*names: str, capability: str = "bars_1m", tier: str = "") -> RoutingPolicy:
    """The order in which providers are asked, from now on."""
    policy = RoutingPolicy.objects.create(capability=capability, tier=tier, providers=list(names))
    reload_policies()
    return policy


def reload_policies() -> None:
    """What rows say now becomes the active version."""
    result = policies.reload(author="a test", through="command", now=clock.now())
    assert result.ok, result.error


def make_tier(code: str = "T0") -> Tier:
    """A tier with the numbers that it has by default."""
    lateness, objective, cap = TIERS[code]
    return Tier.objects.get_or_create(
        code=code, defaults={"lateness_seconds": lateness, "objective": objective, "backfill_cap": cap}
    )[0]


def make_series(symbol: str = "AAPL", *, mic: str = "XNAS", calendar: str = "XNYS", tier: str = "T0", **values: Any) -> Series:
    """A series with its instrument; collected since 2020 unless said otherwise."""
    about = {name: values.pop(name) for name in ("listed_at", "delisted_at", "asset_class", "vendor_symbols") if name in values}
    instrument, _ = Instrument.objects.get_or_create(symbol=symbol, mic=mic, defaults={"calendar": calendar, **about})
    values = {"interval": "1m", "collect_from": moment("2020-01-01 00:00"), **values}
    return Series.objects.create(instrument=instrument, tier=make_tier(tier), **values)


def make_override(start: str, end: str, *, kind: str = "closure", **about: Any) -> CalendarOverride:
    """Time (UTC) in which what it is about does not trade, or a provider is not asked."""
    said = {"why": "said so", "who": "an operator", "created_at": moment("2025-10-08 00:00"), **about}
    return CalendarOverride.objects.create(kind=kind, start=moment(start), end=moment(end), **said)


def make_write(
    series: Sequence[Series],
    rows: Sequence[Mapping[str, Any]],
    *,
    provider: Provider,
    asked_at: Micros,
    absent: Sequence[AbsentSlots] = (),
    ranks: Mapping[int, int] | None = None,
    **rest: Any,
) -> WriteBatch:
    """What `collecting` would hand to the store; rows are put in the order that it promises."""
    by_symbol = {one.instrument.symbol: one for one in series}
    interval = Interval(series[0].interval)
    ordered = sorted(rows, key=lambda r: (list(by_symbol).index(r["symbol"]), r["start"]))
    bars = batch_of(ordered, symbols=list(by_symbol))
    calendar = get_calendar(series[0].instrument.calendar, Hours(series[0].hours))
    return WriteBatch(
        interval=interval,
        provider_id=provider.pk,
        provider=provider.name,
        feed_scope=provider.feed_scope,
        settle_after=90 * SECOND_US,
        ranks={provider.pk: 0} if ranks is None else ranks,
        asked_at=asked_at,
        received_at=asked_at + SECOND_US,
        series_ids=np.array([one.pk for one in by_symbol.values()], dtype=np.int64),
        labels=[
            SeriesLabel(one.instrument.symbol, one.instrument.mic, one.hours, one.adjustment) for one in by_symbol.values()
        ],
        session_days=calendar.session_days(bars.start, interval),
        bars=bars,
        absent=absent,
        **rest,
    )
