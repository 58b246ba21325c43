"""What operators do about ranges of bars that they know better about. REST, the admin and commands call nothing else.

Here it is checked who may, and each action leaves its `AuditEntry` in the transaction of what it did.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from collector.models import RangeInvalidation, Series
from collector.selectors.scopes import Scope, series_ids
from collector.selectors.series import find_series, parameters_of
from collector.services.evidence_revoking import Revoked, Span, revoke, silent
from collector.services.gap_scan import scan
from collector.services.invalidation import BadRange, Invalidated, invalidate
from ops.actors import Actor
from ops.audit import record
from providers.api_errors import ApiError, NotFound
from providers.market.types import Adjustment, Hours, Interval, to_us
from providers.models import Provider
from providers.services import policies

INVALIDATE = "collector.add_rangeinvalidation"
REVOKE = "collector.delete_absence"
MOST_SERIES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeOf:
    """`[start, end)` of one series, as people name it."""

    symbol: str
    start: datetime
    end: datetime
    mic: str | None = None
    interval: Interval = Interval.M1
    hours: Hours | None = None
    adjustment: Adjustment | None = None

    def series(self) -> Series:
        """Raises: ApiError that names what does not exist."""
        return find_series(
            symbols=[self.symbol], mic=self.mic, interval=self.interval, hours=self.hours, adjustment=self.adjustment
        )[0]


def invalidate_range(
    actor: Actor, *, bad: RangeOf, provider: str | None, reason: str, now: datetime, is_dry: bool = False
) -> Invalidated:
    """Declare a range bad: take its bars back and ask for them anew, of that provider only if one is named. Raises: ApiError."""
    actor.require(INVALIDATE)
    if not reason.strip():
        raise ApiError("reason: expected why the range is bad, got nothing", code="invalid_parameter", field="reason")
    what = BadRange(
        series=bad.series(), span=Span(bad.start, bad.end), provider=_provider(provider), who=actor.who, why=reason.strip()
    )
    with transaction.atomic():
        done = invalidate(what, now=to_us(now), snapshot=policies.current(), is_dry=is_dry)
        if not is_dry:
            about = {**parameters_of(what.series), **_span(what.span), "provider": provider}
            record(
                who=actor.who,
                through=actor.through,
                action="range_invalidate",
                now=now,
                about=about,
                counts=asdict(done),
                reason=what.why,
            )
    return done


def lift_pin(actor: Actor, *, number: int, now: datetime) -> None:
    """Let everybody's values count in a range again; what was taken back there stays so. Raises: ApiError (403, 404)."""
    actor.require(INVALIDATE)
    with transaction.atomic():
        bad = RangeInvalidation.objects.select_for_update().filter(pk=number).first()
        if bad is None:
            raise NotFound(f"no range {number} is declared bad", code="unknown_range")
        about = {**parameters_of(bad.series), **_span(Span(bad.start, bad.end)), "provider": bad.provider and bad.provider.name}
        bad.delete()
        record(who=actor.who, through=actor.through, action="range_lift", now=now, about=about, counts={"lifted": 1})


def revoke_silence(
    actor: Actor, *, provider: str, span: Span, symbols: Sequence[str] | None, reason: str, now: datetime
) -> Revoked:
    """Stop believing that what a provider did not send had no trade, and look for the gaps at once. Raises: ApiError."""
    actor.require(REVOKE)
    witness = _provider(provider)
    if witness is None:
        raise ApiError(
            "provider: expected whose silence is not believed, got nothing", code="invalid_parameter", field="provider"
        )
    if span.start >= span.end:
        raise ApiError(
            f"expected an end after the start ({span.start.isoformat()}), got {span.end.isoformat()}",
            code="bad_range",
            field="end",
        )
    ids = None if symbols is None else _ids(symbols)
    about = {"provider": provider, **_span(span), "symbols": None if symbols is None else list(symbols)}

    def on_record(part: Revoked) -> None:
        counts = {"series": len(part.series_ids), "sessions": part.sessions, "minutes": part.minutes}
        record(
            who=actor.who, through=actor.through, action="absence_revoke", now=now, about=about, counts=counts, reason=reason
        )

    keys = silent(span=span, provider_id=witness.pk, series_ids=ids)
    done = revoke(keys, span=span, provider_id=witness.pk, record=on_record)
    if done.series_ids:
        scope = Scope(series_ids=done.series_ids)
        scan(scope=scope, now=to_us(now), snapshot=policies.current(), lane=None, start=span.start, end=span.end)
    return done


def _ids(symbols: Sequence[str]) -> list[int]:
    """Raises: ApiError for a symbol of which nothing is collected."""
    found = {symbol: series_ids(Scope(symbols=[symbol]), since=0, most=MOST_SERIES) for symbol in symbols}
    if unknown := [symbol for symbol, ids in found.items() if not ids]:
        raise ApiError(f"no active series of {', '.join(unknown)}", code="unknown_symbol", status=404, field="symbol")
    return [series_id for ids in found.values() for series_id in ids]


def _provider(name: str | None) -> Provider | None:
    if not name:
        return None
    found = Provider.objects.filter(name=name).first()
    if found is None:
        known = ", ".join(Provider.objects.order_by("name").values_list("name", flat=True))
        raise ApiError(f"unknown provider {name!r}; known: {known}", code="unknown_provider", status=404, field="provider")
    return found


def _span(span: Span) -> dict[str, Any]:
    return {"start": span.start.isoformat(), "end": span.end.isoformat()}
