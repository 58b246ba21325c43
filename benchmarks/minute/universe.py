"""What is collected: symbols of New York, all in one tier, from one vendor that is asked for 200 of them a call."""

import os
from datetime import datetime

from django.db import connection

from collector.models import Instrument, Series, Tier
from marketdata_site.observability.clock import now
from providers.models import Provider, RoutingPolicy
from providers.services import policies

TIER, LATENESS_S = "T0", 1
KEY = "BENCH_MINUTE_KEY"


def begin_anew(vendors_url: str) -> None:
    """Nothing of what other benchmarks left; one provider, with everything as a new row has it but its allowance."""
    os.environ[KEY] = "bench"
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE collector_instrument, providers_provider, providers_routingpolicy CASCADE")
    Tier.objects.update(planned_through=None, quotes_planned_through=None)
    Tier.objects.filter(pk=TIER).update(lateness_seconds=LATENESS_S, backfill_cap=20_000)
    Provider.objects.create(
        name="alpaca",
        adapter="alpaca",
        base_url=vendors_url,
        credentials={"key_id": KEY, "secret_key": KEY},
        rate_per_minute=10_000,
    )
    RoutingPolicy.objects.create(capability="bars_1m", providers=["alpaca"])
    done = policies.reload(author="bench", through="command", now=now())
    assert done.ok, done.error


def add(first: int, last: int, *, collect_from: datetime) -> None:
    """Symbols `[first, last)`, by number."""
    instruments = Instrument.objects.bulk_create(
        Instrument(symbol=f"M{number:05d}", mic="XNAS", calendar="XNYS") for number in range(first, last)
    )
    Series.objects.bulk_create(Series(instrument=one, tier_id=TIER, collect_from=collect_from) for one in instruments)
