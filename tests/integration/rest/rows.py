"""Rows for tests of what reads: an instrument, its series, bars, coverage."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from collector.models import (
    Absence,
    Bar,
    BarRevision,
    Coverage,
    DailyBar,
    Incident,
    Instrument,
    LatestQuote,
    Quote,
    Series,
    Tier,
)
from collector.partitions import BARS, QUOTES, ensure_partitions, forget_known
from providers.models import Provider

MINUTE = timedelta(minutes=1)
RECORDED = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)


def at(text: str) -> datetime:
    """UTC datetime of `2026-11-20 14:30`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def make_provider(name: str = "polygon") -> Provider:
    """A provider row."""
    return Provider.objects.get_or_create(name=name, defaults={"adapter": "polygon", "credentials": {"api_key": "KEY"}})[0]


def make_tier(code: str) -> Tier:
    """A tier; those of the migrations are gone after a test that flushed the database."""
    numbers = {"lateness_seconds": 5, "objective": 0.02, "backfill_cap": 100}
    return Tier.objects.get_or_create(code=code, defaults=numbers)[0]


def make_series(symbol: str = "AAPL", *, mic: str = "XNAS", calendar: str = "XNYS", tier: str = "T0", **values: Any) -> Series:
    """A series with its instrument; collected since 2020 unless said otherwise."""
    about = {name: values.pop(name) for name in ("listed_at", "delisted_at", "asset_class") if name in values}
    instrument, _ = Instrument.objects.get_or_create(symbol=symbol, mic=mic, defaults={"calendar": calendar, **about})
    return Series.objects.create(
        instrument=instrument,
        tier=make_tier(tier),
        **{"interval": "1m", "collect_from": at("2020-01-01 00:00"), **values},
    )


def make_bar(series: Series, start: datetime, **values: Any) -> Bar | DailyBar:
    """A held bar that opens at 10.0 unless said otherwise."""
    if series.interval != "1d":
        _make_partitions([start])
    row = (DailyBar if series.interval == "1d" else Bar)(**_columns(series, start, values))
    row.save(force_insert=True)
    return row


def make_bars(series: Series, starts: Iterable[datetime], **values: Any) -> list[Bar]:
    """Held bars, one a start, all with the same values."""
    starts = list(starts)
    _make_partitions(starts)
    return Bar.objects.bulk_create([Bar(**_columns(series, start, values)) for start in starts])


def make_revision(
    series: Series, start: datetime, *, recorded_at: datetime, replaced_at: datetime, **values: Any
) -> BarRevision:
    """A value that was replaced."""
    return BarRevision.objects.create(
        **_columns(series, start, {**values, "recorded_at": recorded_at}), replaced_at=replaced_at
    )


def _make_partitions(starts: Iterable[datetime]) -> None:
    forget_known()  # those that another test made were rolled back with it
    ensure_partitions(BARS, {BARS.period_of(start) for start in starts})


def _columns(series: Series, start: datetime, values: dict[str, Any]) -> dict[str, Any]:
    return {
        "series": series,
        "start": start,
        "open": 10.0,
        "high": 10.5,
        "low": 9.5,
        "close": 10.25,
        "volume": 100.0,
        "vwap": 10.1,
        "trade_count": 7,
        "provider": values.pop("provider", None) or make_provider(),
        "rev": 1,
        "asked_at": RECORDED,
        "received_at": RECORDED,
        "recorded_at": RECORDED,
        **values,
    }


def minutes(start: datetime, count: int) -> list[datetime]:
    """`count` minutes from `start`."""
    return [start + i * MINUTE for i in range(count)]


def make_instrument(symbol: str = "AAPL", *, mic: str = "XNAS", calendar: str = "XNYS") -> Instrument:
    """An instrument of which nothing is collected."""
    return Instrument.objects.get_or_create(symbol=symbol, mic=mic, defaults={"calendar": calendar})[0]


def make_quote(instrument: Instrument, at: datetime, *, is_latest: bool = False, **values: Any) -> Quote:
    """A quote of 10.0 to 10.5 unless said otherwise; `is_latest` also as the instrument's newest."""
    forget_known()
    ensure_partitions(QUOTES, [QUOTES.period_of(at)])
    columns = {
        "instrument": instrument,
        "at": at,
        "bid": 10.0,
        "ask": 10.5,
        "bid_size": 3.0,
        "ask_size": 4.0,
        "size_unit": "shares",
        "is_crossed": False,
        "is_locked": False,
        "has_vendor_time": True,
        "provider": values.pop("provider", None) or make_provider(),
        "rev": 1,
        "asked_at": RECORDED,
        "received_at": RECORDED,
        "recorded_at": RECORDED,
        **values,
    }
    if is_latest:
        LatestQuote.objects.create(**columns)
    row = Quote(**columns)
    row.save(force_insert=True)
    return row


def make_coverage(
    series: Series,
    session: date,
    *,
    held: Sequence[tuple[datetime, datetime]] = (),
    empty: Sequence[tuple[datetime, datetime]] = (),
) -> Coverage:
    """A coverage row of spans."""
    return Coverage.objects.create(series=series, session=session, held=_spans(held), empty=_spans(empty))


def make_absence(series: Series, spans: Sequence[tuple[datetime, datetime]], **values: Any) -> Absence:
    """An answer that was silent about spans of one session, and believed by the rule `settled` unless said otherwise."""
    plain = {"feed_scope": "consolidated", "is_believed": True, "why": "settled", "asked_at": RECORDED}
    given = {**plain, "provider": values.pop("provider", None) or make_provider(), **values}
    return Absence.objects.create(series=series, session=spans[0][0].date(), spans=_spans(spans), **given)


def make_incident(**values: Any) -> Incident:
    """An open outage of ten minutes of XNYS, as docs/api.md shows one."""
    plain = {
        "pk": 7,
        "calendar": "XNYS",
        "interval": "1m",
        "start": at("2026-11-20 14:35"),
        "end": at("2026-11-20 14:45"),
        "series_now": 212,
        "series_worst": 8_000,
        "tiers": ["T0", "T1"],
        "symbols": ["AAPL", "MSFT"],
        "cause": "vendor_outage",
        "providers": {"polygon": {"circuit_open": 8_000}},
        "found_at": at("2026-11-20 14:46"),
        "last_seen_at": at("2026-11-20 14:52"),
    }
    return Incident.objects.create(**{**plain, **values})


def _spans(spans: Sequence[tuple[datetime, datetime]]) -> Multirange[datetime]:
    return Multirange([Range(a, b) for a, b in spans])
