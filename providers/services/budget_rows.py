"""The budgets' rows, which all workers share.

A row is read and written under its lock, in a short transaction. The clock is ours, as everywhere: never Postgres'. A process that
is stopped in the middle holds the lock for `_MOST_SECONDS` at most.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

from marketdata_site.observability.clock import now_us
from providers.budget import Allowance, Budget, Room, block_of, from_json, room, time_for, to_json
from providers.lanes import Lane
from providers.market.types import Micros, from_us
from providers.models import ProviderBudget

_MOST_SECONDS = 5
_LIMITS = f"SET LOCAL lock_timeout = '{_MOST_SECONDS}s'; SET LOCAL idle_in_transaction_session_timeout = '{_MOST_SECONDS}s'"
_REASON_LENGTH = 200
Result = TypeVar("Result")


class RowIsHeld(Exception):
    """Another process keeps the row's lock; it was stopped, or the database is very slow."""


def room_of(allowances: Mapping[int, Allowance], *, lane: Lane, now: Micros) -> dict[int, Room]:
    """What each provider (by id) could give a lane now, in one query; nothing is taken."""
    budgets = _budgets(allowances)
    return {
        provider_id: room(budgets[provider_id], allowance, lane=lane, now=now) for provider_id, allowance in allowances.items()
    }


def times_for(wanted: Mapping[int, tuple[Allowance, int]], *, lane: Lane, now: Micros) -> dict[int, Micros | None]:
    """How long so many tokens of each provider (by id) take, see `providers.budget.time_for`; in one query, nothing is taken."""
    budgets = _budgets(wanted)
    return {
        provider_id: time_for(budgets[provider_id], allowance, tokens=tokens, lane=lane, now=now)
        for provider_id, (allowance, tokens) in wanted.items()
    }


def _budgets(provider_ids: Iterable[int]) -> dict[int, Budget]:
    ids = list(provider_ids)
    memories = dict(ProviderBudget.objects.filter(provider_id__in=ids).values_list("provider_id", "memory"))
    return {provider_id: from_json(memories.get(provider_id, {})) for provider_id in ids}


def change_budget(provider_id: int, allowance: Allowance, change: Callable[[Budget, Micros], tuple[Budget, Result]]) -> Result:
    """Change a provider's budget under its row's lock; `change` is told the time after the lock was got.

    Raises: RowIsHeld when the lock was not got in time; django.db.IntegrityError when there is no such provider.
    """
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(_LIMITS)
            before = from_json(_locked_memory(provider_id))
            budget, result = change(before, now_us())
            if budget != before:
                _save(provider_id, budget, allowance)
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise RowIsHeld(f"the budget of provider {provider_id} stayed locked for {_MOST_SECONDS} s") from error
        raise
    return result


def _locked_memory(provider_id: int) -> dict[str, object]:
    rows = ProviderBudget.objects.select_for_update().filter(pk=provider_id).values_list("memory", flat=True)
    memory = rows.first()
    if memory is None:
        ProviderBudget.objects.bulk_create([ProviderBudget(provider_id=provider_id)], ignore_conflicts=True)
        memory = rows.first()
    return memory or {}


def _save(provider_id: int, budget: Budget, allowance: Allowance) -> None:
    block = block_of(budget, allowance, lane=Lane.LIVE, now=budget.last)
    ProviderBudget.objects.filter(pk=provider_id).update(
        memory=to_json(budget),
        blocked_until=None if block is None or block.retry_at is None else from_us(block.retry_at),
        blocked_reason="" if block is None else block.reason[:_REASON_LENGTH],
        updated_at=from_us(budget.last),
    )
