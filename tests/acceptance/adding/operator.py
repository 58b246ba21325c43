"""What an operator does with a new adapter, as a fresh process: `python -m tests.acceptance.adding.operator URL`.

Prints what it sees as one JSON object.
"""

import json
import sys
from datetime import UTC, datetime


def main(url: str) -> None:
    """Offer it in the admin, put it into a policy, collect five minutes of it by the worker's task."""
    import django

    django.setup()

    from collector.models import Instrument, Series, Tier
    from collector.tasks import fetch_bars
    from marketdata_site.observability.clock import now
    from providers.admin.accounts import ProviderForm
    from providers.models import Provider, RoutingPolicy
    from providers.services import policies

    choices = [value for value, _ in ProviderForm().fields["adapter"].choices]
    provider = Provider(name="light", adapter="lighthouse", base_url=url, credentials={"api_key": "LIGHTHOUSE_KEY"})
    provider.full_clean(exclude=["base_url"])
    provider.save()
    policy = RoutingPolicy(capability="bars_1m", providers=["light"])
    policy.full_clean()
    policy.save()
    done = policies.reload(author="operator", through="command", now=now())
    instrument = Instrument.objects.create(symbol="BRK.B", mic="XNYS", calendar="XNYS")
    start, end = (datetime(2025, 10, 8, 14, minute, tzinfo=UTC) for minute in (30, 35))
    Series.objects.create(instrument=instrument, tier=Tier.objects.get(code="T0"), collect_from=start)
    job = {"tier": "T0", "priority": "recent", "symbols": ["BRK.B"], "mic": "XNYS", "interval": "1m"}
    fetch_bars.apply(args=[{**job, "start": start.isoformat(), "end": end.isoformat()}], throw=True)
    print(json.dumps({"choices": choices, "is_active": done.ok, "error": done.error}))


if __name__ == "__main__":
    main(sys.argv[1])
