"""Spans that were given up, wanted again: permission, change and audit row together."""

from datetime import datetime

from django.db import transaction

from collector.models import Abandonment
from collector.selectors.series import parameters_of
from ops.actors import Actor
from ops.audit import record
from providers.api_errors import NotFound

WANT = "collector.delete_abandonment"


def want_again(actor: Actor, *, number: int, now: datetime) -> None:
    """Let the next scan find the gap again. Raises: ApiError (403, 404)."""
    actor.require(WANT)
    with transaction.atomic():
        row = Abandonment.objects.select_for_update().filter(pk=number).first()
        if row is None:
            raise NotFound(f"no span {number} is abandoned", code="unknown_abandonment")
        about = {**parameters_of(row.series), "start": row.start.isoformat(), "end": row.end.isoformat()}
        row.delete()
        record(who=actor.who, through=actor.through, action="abandonment_lift", now=now, about=about, counts={"lifted": 1})
