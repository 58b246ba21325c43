"""The list's filters. Their addresses are those of `GET /ops/dlq/backfills`, so a list can be handed on as it is."""

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from collector.models import BackfillState, DeadLetter, Tier
from collector.selectors.dead_letter_stats import top_fingerprints
from collector.selectors.dead_letters import LetterFilter, letters
from providers.market.types import Interval


def filter_of(query: Any) -> LetterFilter:
    """What the list's address asks for; `q` is its search."""
    named = {name: query.get(name) for name in ("tier", "interval", "reason", "provider", "fingerprint")}
    return LetterFilter(symbol=query.get("q") or None, **{name: value or None for name, value in named.items()})


def address_of(**filters: str) -> str:
    """The list with these filters."""
    return f"{reverse('admin:collector_deadletter_changelist')}?{urlencode(filters)}"


class StateFilter(SimpleListFilter):
    """Dead ones unless discarded ones are asked for."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The other one."""
        return [(BackfillState.DISCARDED.value, "discarded")]

    def choices(self, changelist: Any) -> Any:
        """ "All" would be wrong: it shows the dead ones."""
        for choice in super().choices(changelist):
            yield choice | {"display": "dead"} if choice["display"] != "discarded" else choice

    def queryset(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> QuerySet[DeadLetter]:
        """By the job's state."""
        return queryset.filter(backfill__state=self.value() or BackfillState.DEAD)


def _filter(title: str, lookup: str, values: Callable[[], Iterable[str]], name: str = "") -> type[SimpleListFilter]:
    """A filter on one column whose address is short."""

    class ByColumn(SimpleListFilter):
        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            chosen = self.used_parameters.get(self.parameter_name or "")
            # What was chosen stays in the list, also when it is no longer among the commonest.
            return [(value, value) for value in dict.fromkeys([*values(), *([str(chosen)] if chosen else [])])]

        def queryset(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> QuerySet[DeadLetter]:
            return queryset.filter(**{lookup: self.value()}) if self.value() else queryset

    ByColumn.title = title
    ByColumn.parameter_name = name or title
    return ByColumn


def _distinct(column: str) -> Callable[[], list[str]]:
    return lambda: [value for value in letters().order_by(column).values_list(column, flat=True).distinct() if value]


FILTERS = (
    StateFilter,
    _filter("reason", "reason", _distinct("reason")),
    _filter("tier", "backfill__tier", lambda: Tier.objects.values_list("code", flat=True)),
    _filter("interval", "backfill__series__interval", lambda: [interval.value for interval in Interval]),
    _filter("provider", "provider", _distinct("provider")),
    _filter("fingerprint", "fingerprint", lambda: [cause.fingerprint for cause in top_fingerprints()]),
)
