"""What calls said about providers, put into the rows that all workers share: one report a job and provider, under the row's lock."""

import logging
import random
from collections import Counter
from collections.abc import Collection
from dataclasses import replace

from django.db import connection, transaction

from providers import state_rows
from providers.breaker import Phase, observe
from providers.errors import AuthFailed, NotEntitled, ProviderError
from providers.health import Tally, add
from providers.lanes import Lane
from providers.market.types import SECOND_US, Micros, from_us
from providers.models import Provider, ProviderState
from providers.outcomes import Outcome
from providers.routing import Use
from providers.scoring import good_since, score
from providers.services.policies import is_held_active
from providers.state_rows import State
from providers.watch import OUTSIDE_THE_PLAN

log = logging.getLogger(__name__)

NETWORK_WINDOW_US = 10 * SECOND_US
NETWORK_PROVIDERS = 3
"""So many providers that can't be reached within the window: what fails is our own network."""
_NO_HOLDING = "SET LOCAL idle_in_transaction_session_timeout = '5s'"
"""Else a worker that was stopped in a report would keep all others from reporting, and so from writing what they got."""
_WRITTEN = (
    *("memory", "score", "parts", "good_since", "phase", "phase_since", "open_until", "trips"),
    *("used_at", "local_error_at", "updated_at"),
)


def report(
    *,
    provider_id: int,
    capability: str,
    tally: Tally,
    use: Use,
    promote: float,
    now: Micros,
) -> State:
    """Add what one job saw of one provider. Returns the state after it."""
    with transaction.atomic():
        row = locked(provider_id=provider_id, capability=capability)
        if failed_locally := _local_errors(tally):
            row.local_error_at = from_us(failed_locally)
        before = state_rows.at(state_rows.read(row), now=now)
        state = _after(before, tally, use=use, promote=promote, now=now, network_is_ours=_network_is_ours(row, now))
        if tally.seen:
            state = replace(state, used_at=now)
        save(row, state, now=now)
    _tell(row, before, state, tally)
    return state


def locked(*, provider_id: int, capability: str) -> ProviderState:
    """The row, made if need be, locked until the transaction ends; a process that is stopped meanwhile loses it soon."""
    with connection.cursor() as cursor:
        cursor.execute(_NO_HOLDING)
    # Not in the model's order: that joins the provider, whose row would be locked too, against every writer that refers to it.
    rows = ProviderState.objects.select_for_update().order_by("pk")
    found = rows.filter(provider_id=provider_id, capability=capability).first()
    if found is None:
        ProviderState.objects.bulk_create(
            [ProviderState(provider_id=provider_id, capability=capability)], ignore_conflicts=True
        )
        found = rows.get(provider_id=provider_id, capability=capability)
    return found


def save(row: ProviderState, state: State, *, now: Micros) -> None:
    """Write a state with its score as of now."""
    state_rows.write(row, state)
    scored = score(state.health, now=now)
    row.score, row.parts, row.updated_at = scored.value, scored.to_json(), from_us(now)
    row.save(update_fields=_WRITTEN)


def isolate(*, provider_id: int, capability: str, error: ProviderError, now: Micros, version: int | None) -> None:
    """Leave a provider alone until a reload or an operator readmits it: for every capability after a bad key, for this one otherwise.

    `version` is the one that the job runs by. When another one is active by now nothing is done: its reload has readmitted the provider,
    perhaps with a new key, and what was refused was the old one.
    """
    reason = str(error)[:300]
    ProviderState.objects.bulk_create([ProviderState(provider_id=provider_id, capability=capability)], ignore_conflicts=True)
    with transaction.atomic():
        if not is_held_active(version):
            return
        rows = ProviderState.objects.filter(provider_id=provider_id, isolated_at=None)
        about = "everything" if isinstance(error, AuthFailed) else capability
        if about == capability:
            rows = rows.filter(capability=capability)
        ours = list(
            rows.select_for_update().order_by("pk").values_list("pk", flat=True)
        )  # in one order, or two would wait for ever
        count = ProviderState.objects.filter(pk__in=ours).update(isolated_at=from_us(now), isolated_reason=reason)
    if count:
        name = Provider.objects.values_list("name", flat=True).get(pk=provider_id)
        log.error("%s is isolated for %s: %s", name, about, reason, extra={"action": "provider_isolated"})


def isolating(errors: Collection[ProviderError], *, lane: Lane, answered: bool) -> ProviderError | None:
    """The error by which only a human can help, None when there is none.

    A bad key is one. A refusal of the plan is one only where nothing was answered and it was said of several symbols, in live
    work: plans end at symbols and at windows, so the rest may well be served.
    """
    if bad_key := next((error for error in errors if isinstance(error, AuthFailed)), None):
        return bad_key
    refused = [error for error in errors if isinstance(error, NotEntitled)]
    is_whole = lane is Lane.LIVE and not answered and len(refused) >= OUTSIDE_THE_PLAN
    return refused[0] if is_whole else None


def refreshed(state: State, *, promote: float, now: Micros) -> State:
    """The state with the time since when it has been good, as of now."""
    value = score(state.health, now=now).value
    is_closed = state.breaker.phase is Phase.CLOSED
    return replace(state, good_since=good_since(state.good_since, value=value, promote=promote, is_closed=is_closed, now=now))


def _after(state: State, tally: Tally, *, use: Use, promote: float, now: Micros, network_is_ours: bool) -> State:
    jitter = random.random()  # noqa: S311  # spreads probes, guards nothing
    breaker = observe(
        state.breaker,
        tally.seen,
        now=now,
        jitter=jitter,
        is_probe=use is Use.PROBE,
        is_gentle=use is Use.GENTLE,
        network_is_ours=network_is_ours,
    )
    after = replace(
        state,
        health=add(state.health, tally, now=now, network_is_ours=network_is_ours),
        breaker=breaker,
        usual=state.usual.add(tally, now=now),
    )
    return refreshed(after, promote=promote, now=now)


def _local_errors(tally: Tally) -> Micros | None:
    return max((seen.at for seen in tally.seen if seen.outcome is Outcome.LOCAL_ERROR), default=None)


def _network_is_ours(row: ProviderState, now: Micros) -> bool:
    """Whether this provider and enough others could not be reached just now."""
    since = from_us(now - NETWORK_WINDOW_US)
    if row.local_error_at is None or row.local_error_at < since:
        return False
    others = ProviderState.objects.filter(local_error_at__gte=since).exclude(provider_id=row.provider_id)
    count = 1 + others.order_by().values("provider_id").distinct().count()
    if count >= NETWORK_PROVIDERS:
        log.error(
            "%d providers can't be reached within %d s: our own network, breakers stay as they are",
            count, NETWORK_WINDOW_US // SECOND_US, extra={"action": "network_is_ours"},
        )  # fmt: skip
    return count >= NETWORK_PROVIDERS


def _tell(row: ProviderState, before: State, after: State, tally: Tally) -> None:
    if before.breaker.phase is after.breaker.phase:
        return
    until = f" until {from_us(after.breaker.open_until):%H:%M:%S} UTC" if after.breaker.open_until is not None else ""
    saw = ", ".join(f"{outcome} {count}" for outcome, count in Counter(seen.outcome for seen in tally.seen).most_common())
    log.warning(
        "the breaker of %s for %s is %s%s, was %s (trip %d); the calls of the last job: %s",
        row.provider.name, row.capability, after.breaker.phase, until, before.breaker.phase, after.breaker.trips, saw or "none",
        extra={"action": f"breaker_{after.breaker.phase}"},
    )  # fmt: skip
