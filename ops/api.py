"""Endpoints of who runs the service."""

from ninja import Router

from ops.backfill_api import router as backfill_router
from ops.bulk_api import router as bulk_router
from ops.config_api import router as config_router
from ops.dlq_api import router as dlq_router
from ops.health_api import router as health_router
from ops.ranges_api import router as ranges_router
from ops.slo_api import router as slo_router

router = Router(tags=["operations"])
router.add_router("", health_router)
router.add_router("/ops/config", config_router)
router.add_router("/ops/dlq", dlq_router)
router.add_router("/ops/dlq/bulk", bulk_router)
router.add_router("/ops/ranges", ranges_router)
router.add_router("/ops/backfill", backfill_router)
router.add_router("/ops/slo", slo_router)
