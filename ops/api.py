"""Endpoints of who runs the service."""

from typing import Literal

from django.http import HttpRequest
from ninja import Router, Schema

from marketdata_site.observability.version import VERSION
from ops.backfill_api import router as backfill_router
from ops.bulk_api import router as bulk_router
from ops.config_api import router as config_router
from ops.dlq_api import router as dlq_router
from ops.ranges_api import router as ranges_router
from ops.slo_api import router as slo_router

router = Router(tags=["operations"])
router.add_router("/ops/config", config_router)
router.add_router("/ops/dlq", dlq_router)
router.add_router("/ops/dlq/bulk", bulk_router)
router.add_router("/ops/ranges", ranges_router)
router.add_router("/ops/backfill", backfill_router)
router.add_router("/ops/slo", slo_router)


class HealthOut(Schema):
    """The web process answers."""

    status: Literal["ok"] = "ok"
    version: str = VERSION


@router.get("/health", auth=None, response=HealthOut, operation_id="health", summary="Whether the web process answers")
def health(request: HttpRequest) -> HealthOut:
    """Open to all, touches neither Postgres nor Valkey: a liveness probe must not restart the web for their sake."""
    return HealthOut()
