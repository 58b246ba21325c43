"""The table of what is kept, for how long, and what deletes it. docs/retention.md says the same in words; a test compares them."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings

from collector.feed.publisher import delete_batches
from collector.partitions import BARS, QUOTES
from collector.selectors.kept import months_kept_from, quotes_kept_from
from collector.services.bar_retention import forget_before
from ops.care.limits import LIMITS, Limit
from ops.care.periods import Periods
from ops.care.rows import Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Something that is kept. `setting`: what says how long, in Django's settings; without one for `days`, else for ever."""

    name: str
    tables: tuple[str, ...]
    setting: str = ""
    days: int = 0
    how: Rows | Periods | None = None

    @property
    def limit(self) -> Limit | None:
        """What its setting may be."""
        return LIMITS[f"MARKETDATA_{self.setting}"] if self.setting else None

    @property
    def age(self) -> timedelta | None:
        """How long it is kept; None: for ever. No time at all, where 0 does not mean for ever."""
        limit = self.limit
        if limit is None:
            return timedelta(days=self.days) if self.days else None
        value: int = getattr(settings, self.setting)
        return timedelta(**{limit.unit: value}) if value or not limit.is_optional else None


def _old(column: str, *, where: str = "") -> str:
    return f"{column} < %(before)s" + (f" AND {where}" if where else "")


def _oldest(table: str, column: str, *, where: str = "true") -> str:
    return f"SELECT min({column}) FROM {table} WHERE {where}"


def _by_age(name: str, table: str, column: str, setting: str, *, days: int = 0) -> Kind:
    """Rows that go by one column, of which there is an index, or which are few."""
    how = Rows(table=table, old=_old(column), oldest=_oldest(table, column), order=column)
    return Kind(name=name, tables=(table,), setting=setting, days=days, how=how)


_ENDED = "state IN ('done', 'discarded')"
# Ids follow the time of replacement, but for writes that ran at once: so the eldest are looked at, and no index is kept for it.
_ELDEST = """id IN (SELECT id FROM (SELECT id, replaced_at FROM collector_barrevision ORDER BY id LIMIT 10001) eldest
            WHERE replaced_at < %(before)s)"""

KINDS = (
    Kind(
        name="bars",
        tables=("collector_bar", "collector_coverage", "collector_absence", "collector_baralternate"),
        setting="BAR_KEEP_DAYS",
        how=Periods(of=BARS, kept_from=months_kept_from, forget=forget_before),
    ),
    Kind(name="daily-bars", tables=("collector_dailybar",)),
    Kind(
        name="revisions",
        tables=("collector_barrevision",),
        setting="REVISION_KEEP_DAYS",
        how=Rows(
            table="collector_barrevision",
            old=_ELDEST,
            oldest="SELECT replaced_at FROM (SELECT 1) one LEFT JOIN (SELECT replaced_at FROM collector_barrevision ORDER BY id LIMIT 1) r ON true",
            order="id",
        ),
    ),
    _by_age("rejected-bars", "collector_rejectedbar", "last_seen_at", "REJECTED_KEEP_DAYS"),
    Kind(name="quotes", tables=("collector_quote",), setting="QUOTE_DAYS", how=Periods(of=QUOTES, kept_from=quotes_kept_from)),
    _by_age("rejected-quotes", "collector_rejectedquote", "last_seen_at", "REJECTED_KEEP_DAYS"),
    Kind(
        name="feed-batches",
        tables=("collector_feedbatch",),
        setting="FEED_BATCH_HOURS",
        how=Rows(
            table="collector_feedbatch",
            old=_old("published_at"),
            oldest=_oldest("collector_feedbatch", "published_at"),
            order="published_at",
            delete=lambda before, limit: delete_batches(before=before, limit=limit),
        ),
    ),
    _by_age("marks", "collector_feedmark", "start", "MARK_KEEP_DAYS"),
    Kind(
        name="backfills",
        tables=("collector_backfill", "collector_deadletter"),
        setting="BACKFILL_KEEP_DAYS",
        how=Rows(
            table="collector_backfill",
            old=_old("finished_at", where=_ENDED),
            oldest=_oldest("collector_backfill", "finished_at", where=_ENDED),
            order="finished_at",
            first=("DELETE FROM collector_deadletter WHERE backfill_id = ANY(%(ids)s)",),
        ),
    ),
    Kind(
        name="bulk-items",
        tables=("ops_bulkitem",),
        setting="BACKFILL_KEEP_DAYS",
        how=Rows(
            table="ops_bulkitem",
            old="operation_id IN (SELECT id FROM ops_bulkoperation WHERE finished_at < %(before)s)",
            oldest="SELECT min(finished_at) FROM ops_bulkoperation o WHERE EXISTS (SELECT FROM ops_bulkitem WHERE operation_id = o.id)",
            order="operation_id",
        ),
    ),
    Kind(
        name="incidents",
        tables=("collector_incident",),
        setting="INCIDENT_KEEP_DAYS",
        how=Rows(
            table="collector_incident",
            old=_old("ended_at"),
            oldest=_oldest("collector_incident", "ended_at"),
            order="ended_at",
            first=("UPDATE collector_incident SET part_of_id = NULL WHERE part_of_id = ANY(%(ids)s)",),
        ),
    ),
    _by_age("health-samples", "providers_healthsample", "at", "HEALTH_KEEP_DAYS"),
    _by_age("processes", "providers_processversion", "seen_at", "", days=1),
    _by_age("audit", "ops_auditentry", "at", "AUDIT_KEEP_DAYS"),
)
