"""`python -m benchmarks [--json FILE] [NAME …]`: every benchmark in one run, each against its rival, with the number to reach."""

import argparse
import importlib
import json
import os
import platform
import sys
from pathlib import Path

from benchmarks.rows import table
from marketdata_site import environment

NAMES = ("calendar", "routing", "store", "gaps", "slo", "dead_letters", "metrics", "feed", "replay", "minute", "start")


def main() -> None:
    """Run what is named (all by default) in servers of our own."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(NAMES)}")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"unknown benchmark {', '.join(sorted(unknown))}; expected some of {', '.join(NAMES)}")
    _django()
    results = []
    for name in options.names or NAMES:
        print(f"{name} …", file=sys.stderr, flush=True)
        results += importlib.import_module(f"benchmarks.bench_{name}").run()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}")
    print(table(results))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


def _django() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketdata_site.settings")
    os.environ.setdefault("MARKETDATA_ROLE", "command")
    environment.prepare_own()
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


if __name__ == "__main__":
    main()
