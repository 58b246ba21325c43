"""What tests of bulk operations share: jobs that die again or are filled, one start and what is shown of it."""

from datetime import timedelta

from collector.models import Backfill, BackfillState, DeadLetter
from tests.integration.rest.answers import ok
from tests.integration.rest.rows import MINUTE, at

NOW = at("2026-11-20 15:30")
BULK = "/ops/dlq/bulk"
TICK = timedelta(seconds=5)


def kill(jobs, count: int, **letter) -> None:
    """`count` of the requeued jobs die again."""
    for job in jobs.filter(state=BackfillState.QUEUED).order_by("pk")[:count]:
        plain = {
            "reason": "rejected",
            "fingerprint": "beef",
            "provider": "polygon",
            "message": "still bad",
            "missing_minutes": 1,
        }
        DeadLetter.objects.create(backfill=job, died_at=NOW + MINUTE, **{**plain, **letter})
        Backfill.objects.filter(pk=job.pk).update(state=BackfillState.DEAD)


def fill(jobs, count: int) -> None:
    """`count` of the requeued jobs are done."""
    wanted = list(jobs.filter(state=BackfillState.QUEUED).order_by("pk").values_list("pk", flat=True)[:count])
    Backfill.objects.filter(pk__in=wanted).update(state=BackfillState.DONE)


def start(client, kind: str = "requeue", **query) -> int:
    return ok(client.post(BULK, query_params={"kind": kind, **query}))["operation_id"]


def shown(client, number: int, *names: str):
    answer = ok(client.get(f"{BULK}/{number}"))
    assert answer["matched"] == answer["done"] + answer["left"] + sum(answer["skipped"].values())
    return tuple(answer[name] for name in names)
