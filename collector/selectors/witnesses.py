"""Whose silence about which slots: believed, so that they count as empty, or doubted, so that they are still missing."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from collector.core.spans import Spans, from_multirange
from collector.models import Absence


@dataclass(frozen=True, slots=True)
class Witness:
    """A provider, the feed that it was asked for, and the rule by which its silence was judged."""

    provider: str
    feed_scope: str
    rule: str


@dataclass(frozen=True, slots=True, eq=False)
class Silence:
    """The spans about which one witness was silent."""

    witness: Witness
    is_believed: bool
    spans: Spans


Silences = Mapping[tuple[int, date], Sequence[Silence]]


def silences_of(*, series_ids: Sequence[int], first: date, last: date) -> Silences:
    """By series and session, the oldest witness first. One query."""
    found: defaultdict[tuple[int, date], list[Silence]] = defaultdict(list)
    rows = Absence.objects.filter(series__in=series_ids, session__range=(first, last)).order_by("asked_at", "pk")
    for series_id, session, spans, is_believed, *about in rows.values_list(
        "series_id", "session", "spans", "is_believed", "provider__name", "feed_scope", "why"
    ):
        found[series_id, session].append(Silence(Witness(*about), is_believed, from_multirange(spans)))
    return found
