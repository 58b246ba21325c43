"""`manage.py load_demo`: the demo universe of `manage.py up`, asked from simulated vendors."""

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collector.services.demo import load_demo
from marketdata_site.observability import clock

SIMULATOR_URL = "MARKETDATA_SIMULATOR_URL"


class Command(BaseCommand):
    """See the module."""

    help = f"Make demo providers at the simulated vendors of ${SIMULATOR_URL}, policies and instruments, unless real vendors are asked."

    def handle(self, *args: Any, **options: Any) -> None:
        """Load what is missing."""
        url = os.environ.get(SIMULATOR_URL, "")
        if not url.startswith(("http://", "https://")):
            raise CommandError(f"{SIMULATOR_URL}: expected the address of the simulated vendors, got {url!r}")
        counts = load_demo(simulator_url=url, now=clock.now())
        if counts.created or counts.unchanged:
            self.stdout.write(f"Demo universe: {counts.created} instruments created, {counts.unchanged} were there")
        else:
            self.stdout.write("Demo universe: not loaded, because a provider asks a real vendor")
