"""Valkey in its two parts: the broker, which any server of Celery's may be, and the stream, which holds the feed's ring."""

from typing import Any, cast

import redis
from celery import current_app
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from collector.feed.ring import STATE, STREAM
from ops.health.finding import Finding, error, fine, warning

SECONDS = 2
NEARLY_FULL = 0.9

BROKER_ADVICE = "see that the broker runs and that CELERY_BROKER_URL (else the next database of REDIS_URL) names it; nothing is collected meanwhile"
STREAM_ADVICE = "see that Valkey runs and that REDIS_URL names it; what is written meanwhile is in Postgres and is published when it is back"
FULL_ADVICE = "give Valkey more memory (maxmemory), or keep fewer messages (MARKETDATA_FEED_RING_MESSAGES)"


def look_at_broker() -> Finding:
    """Whether somebody can be rung."""
    limits = {"socket_timeout": SECONDS, "socket_connect_timeout": SECONDS}
    options = {**current_app.conf.broker_transport_options, **limits}
    with current_app.connection_for_write(
        settings.CELERY_BROKER_URL, connect_timeout=SECONDS, transport_options=options
    ) as connection:
        connection.connect()
        channel: Any = connection.channel()  # with Redis the first that says a word
        channel.close()
        return fine(f"the broker answers ({connection.transport.driver_type})")


def look_at_stream() -> Finding:
    """Whether the ring can be read and written."""
    with _client() as client:
        state = cast("list[Any]", client.hmget(STATE, "epoch", "seq"))
        held, memory = cast(int, client.xlen(STREAM)), cast("dict[str, Any]", client.info("memory"))
    share = _used(memory)
    if share >= 1:
        return error("Valkey's memory is full, it refuses writes", advice=FULL_ADVICE)
    if share >= NEARLY_FULL:
        return warning(f"Valkey's memory is {share:.0%} full", advice=FULL_ADVICE)
    policy = memory.get("maxmemory_policy", "noeviction")
    if memory.get("maxmemory") and policy != "noeviction":
        text = f"Valkey forgets messages when its memory is full (maxmemory-policy {policy})"
        return warning(text, advice="set maxmemory-policy noeviction")
    if state[0] is None:
        return fine("the ring is empty: nothing was published since Valkey was started or emptied")
    return fine(f"the ring holds {held} batches, up to message {int(state[1])}")


def _client() -> "redis.Redis":
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=SECONDS, socket_connect_timeout=SECONDS, retry=Retry(NoBackoff(), 0)
    )


def _used(memory: dict[str, Any]) -> float:
    most = int(memory.get("maxmemory") or 0)
    return int(memory["used_memory"]) / most if most else 0.0
