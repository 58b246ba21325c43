"""The fleet's one probe of a half-open breaker: a lease in the row, free again when its time is over, whatever became of its holder."""

import os
import socket
import uuid
from datetime import timedelta

from django.db.models import Q

from providers.market.types import Micros, from_us
from providers.models import ProviderState

LEASE = timedelta(seconds=90)
"""Longer than the few calls of a probe may take; a killed worker keeps a provider out for no longer than this."""


def new_holder() -> str:
    """A name that no other step of any process has."""
    return f"{socket.gethostname()[:32]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def take(*, provider_id: int, capability: str, holder: str, now: Micros) -> bool:
    """Whether the probe is ours now: one conditional UPDATE, so that two workers never both get it."""
    moment = from_us(now)
    free = Q(probe_until=None) | Q(probe_until__lte=moment)
    over = Q(phase="half_open") | Q(phase="open", open_until__lte=moment)
    rows = ProviderState.objects.filter(free & over, provider_id=provider_id, capability=capability)
    return bool(rows.update(probe_holder=holder, probe_until=moment + LEASE))


def release(*, provider_id: int, capability: str, holder: str) -> None:
    """Let the next one probe; nothing when the lease ran out and is somebody else's."""
    rows = ProviderState.objects.filter(provider_id=provider_id, capability=capability, probe_holder=holder)
    rows.update(probe_holder="", probe_until=None)
