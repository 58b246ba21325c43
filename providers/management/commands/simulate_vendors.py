"""`manage.py simulate_vendors`: a thin wrapper, see `providers.simulator`."""

import argparse
import os
import sys
from typing import Any

from django.core.management.base import BaseCommand

from providers.simulator.options import add_arguments, options_of
from providers.simulator.running import serve


class Command(BaseCommand):
    """Needs no database and no checks."""

    help = "Serve recorded or synthetic bars over HTTP in vendors' wire formats, with scripted faults."
    requires_system_checks = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Those of the simulator."""
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until a signal; exits with the simulator's status."""
        sys.exit(serve(options_of(argparse.Namespace(**options)), parent=os.getppid()))
