"""`/health` and `/health/ready`: open to all, so no address, name or secret is in their answers."""

import json
import logging
from typing import Literal

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema

from marketdata_site.observability.version import VERSION
from ops.health.finding import Severity
from ops.health.ready import Readiness, shared

log = logging.getLogger(__name__)
router = Router(tags=["operations"])


class HealthOut(Schema):
    """The web process answers."""

    status: Literal["ok"] = "ok"
    version: str = VERSION


class PartOut(Schema):
    """One part of the service."""

    name: str
    ok: bool
    found: str = Field(description="What was found, in a sentence.")
    ms: int = Field(description="How long it took to look, in milliseconds.")


class ReadyOut(Schema):
    """`ready` when every part is ok."""

    ready: bool
    parts: list[PartOut]


@router.get("/health", auth=None, response=HealthOut, operation_id="health", summary="Whether the web process answers")
def health(request: HttpRequest) -> HealthOut:
    """Open to all, touches neither Postgres nor Valkey: a liveness probe must not restart the web for their sake."""
    return HealthOut()


@router.get(
    "/health/ready",
    auth=None,
    response={200: ReadyOut, 503: ReadyOut},
    operation_id="ready",
    summary="Whether the service can do its work",
)
def ready(request: HttpRequest) -> HttpResponse:
    """Open to all: Postgres, migrations, clock, beat, partitions, broker and stream. 503 when one fails, within a few seconds."""
    found = shared.look()
    failed = [result.name for result in found.results if result.finding.severity is Severity.ERROR]
    if failed:
        log.warning("not ready: %s", ", ".join(failed), extra={"action": "not_ready", "parts": failed})
    response = HttpResponse(_page(found), status=503 if failed else 200, content_type="application/json")
    response["Cache-Control"] = "no-store"
    response._has_been_logged = True  # type: ignore[attr-defined]  # by us: Django would call each probe an error
    return response


def _page(found: Readiness) -> str:
    """JSON that a person can read as well: a line for each part."""
    parts = [
        PartOut(name=one.name, ok=one.finding.severity is not Severity.ERROR, found=one.finding.found, ms=one.ms)
        for one in found.results
    ]
    lines = ",\n".join(f"  {json.dumps(part.dict(), ensure_ascii=False)}" for part in parts)
    return f'{{"ready": {json.dumps(found.is_ready)}, "parts": [\n{lines}\n]}}\n'
