"""What operators do about dead jobs: requeue, discard, undo. Set-based; who may, and the record of it, is not decided here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from collector.core.requeued import Requeued
from collector.models import Abandonment, Backfill, BackfillState, DeadLetter
from collector.models.backfills import OPEN_STATES, Lane
from collector.queues import ring_drain
from collector.selectors.dead_letters import letter_of
from collector.services.backfill_room import lock_room, lock_rooms, rooms
from providers.api_errors import ApiError
from providers.models import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Whom requeued jobs may ask from now on; None: as before. An empty pin unpins, an empty exclusion excludes nobody."""

    pin: str | None = None
    exclude: Sequence[str] | None = None

    def as_json(self) -> dict[str, Any]:
        """What was said, for records."""
        said = {"pin": self.pin, "exclude": None if self.exclude is None else list(self.exclude)}
        return {name: value for name, value in said.items() if value is not None}


AS_BEFORE = Asking()

# `ids` are those that an operator named or a filter found; whoever left the dead since is no longer counted.
_PLAN = """
WITH matched AS (
  SELECT b.id, b.lane, CASE b.lane WHEN 'recent' THEN b.tier ELSE '' END AS tier, d.died_at,
         CASE WHEN NOT s.is_active THEN 'series_inactive'
              WHEN EXISTS (SELECT FROM collector_abandonment a
                           WHERE a.series_id = b.series_id AND a.start <= b.start AND a."end" >= b."end"
                             AND (a.expires_at IS NULL OR a.expires_at > %(now)s)) THEN 'abandoned' END AS cause
  FROM unnest(%(ids)s::bigint[]) AS m(id)
  JOIN collector_backfill b ON b.id = m.id AND b.state = 'dead'
  JOIN collector_deadletter d ON d.backfill_id = b.id
  JOIN collector_series s ON s.id = b.series_id),
ranked AS (
  SELECT m.id, m.died_at, coalesce(r.room, 0) AS room,
         row_number() OVER (PARTITION BY m.lane, m.tier ORDER BY m.died_at, m.id) AS place
  FROM matched m
  LEFT JOIN unnest(%(lanes)s::text[], %(tiers)s::text[], %(rooms)s::bigint[]) AS r(lane, tier, room)
         ON r.lane = m.lane AND r.tier = m.tier
  WHERE m.cause IS NULL)
"""
_COUNTS = f"""{_PLAN}
SELECT (SELECT count(*) FROM matched),
       (SELECT count(*) FROM matched WHERE cause = 'series_inactive'),
       (SELECT count(*) FROM matched WHERE cause = 'abandoned'),
       (SELECT count(*) FROM ranked WHERE place <= room)
"""  # noqa: S608 - made of constants; values are bound
_HINDERED = f"{_PLAN} SELECT id, cause FROM matched WHERE cause IS NOT NULL"  # noqa: S608 - made of constants; values are bound
# 20,000 dead jobs at once: see `make bench`, row "requeue-all".
_REQUEUE = f"""{_PLAN},
picked AS (
  SELECT b.id FROM collector_backfill b
  JOIN (SELECT id FROM ranked WHERE place <= room ORDER BY died_at, id LIMIT %(limit)s) AS f ON f.id = b.id
  WHERE b.state = 'dead' ORDER BY b.id FOR UPDATE OF b SKIP LOCKED),
letters AS (DELETE FROM collector_deadletter d USING picked p WHERE d.backfill_id = p.id RETURNING d.backfill_id, d.reason),
done AS (UPDATE collector_backfill b
SET state = 'queued', due_at = %(now)s, finished_at = NULL, attempts = 0, lost_alone = 0, times_requeued = b.times_requeued + 1,
    pinned_provider = coalesce(%(pin)s::text, b.pinned_provider),
    excluded_providers = coalesce(%(exclude)s::text[], b.excluded_providers),
    tries = jsonb_path_query_array(b.tries, '$[last - 18 to last]') || jsonb_build_object(
        'at', %(at)s::text, 'provider', NULL, 'code', 'requeued', 'message', %(note)s::text || ', dead of ' || l.reason, 'http_status', NULL)
FROM letters l WHERE l.backfill_id = b.id RETURNING b.id, b.tier, b.series_id)
SELECT done.tier || ' ' || s.interval, array_agg(done.id) FROM done JOIN collector_series s ON s.id = done.series_id GROUP BY 1 ORDER BY 1
"""  # noqa: S608 - made of constants; values are bound


def preview(*, chosen: QuerySet[DeadLetter], limit: int, now: datetime) -> Requeued:
    """What `requeue` would do now; nothing is locked or changed."""
    ids, tiers = _chosen(chosen)
    return _planned(ids, rooms(tiers), limit=limit, now=now)


def requeue(*, chosen: QuerySet[DeadLetter], limit: int, now: datetime, note: str, asking: Asking = AS_BEFORE) -> Requeued:
    """Let dead jobs try anew, those that died first first, `limit` at most and no more than each tier's cap has room for.

    One transaction; the drain is rung on commit. `note` stays with each job's tries. Raises: ApiError for an unknown provider.
    """
    check_providers(asking)
    ids, tiers = _chosen(chosen)
    with transaction.atomic():
        free = lock_rooms(tiers)
        planned = _planned(ids, free, limit=limit, now=now)
        with connection.cursor() as cursor:
            cursor.execute(
                _REQUEUE,
                _parameters(ids, free, now=now)
                | {
                    "limit": limit,
                    "at": now.isoformat(),
                    "note": note,
                    "pin": asking.pin,
                    "exclude": None if asking.exclude is None else list(asking.exclude),
                },
            )
            kinds: dict[str, list[int]] = dict(cursor.fetchall())
        if kinds:
            transaction.on_commit(ring_drain)
    counts = {kind: len(numbers) for kind, numbers in kinds.items()}
    return planned.carried_out(counts, job_ids=[number for numbers in kinds.values() for number in numbers])


def hindered(*, job_ids: Sequence[int], now: datetime) -> dict[int, str]:
    """Dead jobs that no room would help: job → `series_inactive` or `abandoned`."""
    with connection.cursor() as cursor:
        cursor.execute(_HINDERED, {"ids": list(job_ids), "now": now, "lanes": [], "tiers": [], "rooms": []})
        return dict(cursor.fetchall())


def discard(*, chosen: QuerySet[DeadLetter], now: datetime, who: str, why: str, abandon: bool = False) -> dict[int, str]:
    """Give dead jobs up, and with `abandon` their spans too; which, with tier and interval such as `T0 1m`.

    Without `abandon` the next scan may find the same gap again.
    """
    ids, _ = _chosen(chosen)
    with transaction.atomic():
        dead = Backfill.objects.select_for_update(of=("self",)).filter(pk__in=ids, state=BackfillState.DEAD).order_by("pk")
        jobs = list(dead.select_related("series"))
        numbers = [job.pk for job in jobs]
        Backfill.objects.filter(pk__in=numbers).update(state=BackfillState.DISCARDED, finished_at=now)
        DeadLetter.objects.filter(pk__in=numbers).update(discarded_at=now, discarded_by=who, discard_reason=why)
        if abandon:
            Abandonment.objects.bulk_create(
                Abandonment(series_id=job.series_id, start=job.start, end=job.end, who=who, why=why, created_at=now)
                for job in jobs
            )
    return {job.pk: f"{job.tier} {job.series.interval}" for job in jobs}


def undo_discard(*, job_id: int, now: datetime) -> DeadLetter:
    """Make a discarded job dead again and take back the abandonment that came with it. Raises: ApiError that says why not."""
    with transaction.atomic():
        about = Backfill.objects.filter(pk=job_id).values_list("lane", "tier").first()
        if about is not None:  # caps before jobs, as everywhere; and no scan finds the span at the same time
            lock_room(lane=Lane(about[0]), tier=about[1])
        job = Backfill.objects.select_for_update().filter(pk=job_id).first()
        letter = letter_of(job_id)
        if job is None or job.state != BackfillState.DISCARDED or letter.discarded_at is None:
            raise _conflict(f"job {job_id} is {letter.backfill.state}, expected discarded", code="not_discarded")
        days: int = settings.BACKFILL_KEEP_DAYS  # it is deleted then
        if now >= letter.discarded_at + timedelta(days=days):
            raise _conflict(f"job {job_id} was discarded more than {days} days ago", code="too_late")
        _refuse_found_again(job)
        Abandonment.objects.filter(  # all that is left of it: some may be wanted again already
            series_id=job.series_id,
            start__gte=job.start,
            end__lte=job.end,
            created_at=letter.discarded_at,
            who=letter.discarded_by,
        ).delete()
        Backfill.objects.filter(pk=job_id).update(state=BackfillState.DEAD, finished_at=letter.died_at)
        DeadLetter.objects.filter(pk=job_id).update(discarded_at=None, discarded_by="", discard_reason="")
    return letter_of(job_id)


def _refuse_found_again(job: Backfill) -> None:
    others = Backfill.objects.filter(
        series_id=job.series_id, start__lt=job.end, end__gt=job.start, state__in=[*OPEN_STATES, BackfillState.DEAD]
    )
    if other := others.first():
        raise _conflict(f"the gap was found again: job {other.pk} is {other.state}", code="found_again")


def _chosen(chosen: QuerySet[DeadLetter]) -> tuple[list[int], set[str]]:
    rows = list(chosen.order_by().values_list("pk", "backfill__tier"))
    return [number for number, _ in rows], {tier for _, tier in rows}


def _planned(ids: Sequence[int], free: Mapping[tuple[Lane, str], int], *, limit: int, now: datetime) -> Requeued:
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, _parameters(ids, free, now=now))
        row = cursor.fetchone()
    assert row is not None, "a statement without a table gives one row"
    matched, inactive, abandoned, fitting = row
    return Requeued.planned(
        matched=matched, fitting=fitting, limit=limit, causes={"series_inactive": inactive, "abandoned": abandoned}
    )


def _parameters(ids: Sequence[int], free: Mapping[tuple[Lane, str], int], *, now: datetime) -> dict[str, Any]:
    lanes, tiers = zip(*free, strict=True)
    return {
        "ids": list(ids),
        "now": now,
        "lanes": [lane.value for lane in lanes],
        "tiers": list(tiers),
        "rooms": list(free.values()),
    }


def check_providers(asking: Asking) -> None:
    """Raises: ApiError for a provider that does not exist, or that is pinned and excluded."""
    named = [name for name in (asking.pin, *(asking.exclude or ())) if name]
    if unknown := _unknown(named):
        raise ApiError(
            f"unknown provider {unknown!r}", code="unknown_provider", field="pin" if unknown == asking.pin else "exclude"
        )
    if asking.pin and asking.pin in (asking.exclude or ()):
        raise ApiError(f"{asking.pin} can't be pinned and excluded", code="bad_pin", field="exclude")


def _unknown(names: Iterable[str]) -> str | None:
    names = list(names)
    known = set(Provider.objects.filter(name__in=names).values_list("name", flat=True)) if names else set()
    return next((name for name in names if name not in known), None)


def _conflict(message: str, *, code: str) -> ApiError:
    return ApiError(message, code=code, status=409, field="job_id")
