"""`manage.py replay_dataset DIR`: prove the data path on recorded bars."""

import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from collector.replay.comparing import Comparison, compare
from collector.replay.processes import running_worker
from collector.replay.recording import read_recording
from collector.replay.report import ProgressBar, table
from collector.replay.running import Replay
from collector.replay.setting_up import create_providers, create_targets, credential_variables
from providers.market.dataset import DatasetError
from providers.registry import get_adapter
from providers.simulator.launch import SimulatorControl, start_simulator_process
from providers.simulator.options import SimulatorOptions

VENDORS = ("polygon", "alpaca")


class Command(BaseCommand):
    """Serves a data folder by the simulator over HTTP, collects it by Celery jobs, compares Postgres with the files."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="data folder with a series.csv")
        parser.add_argument("--symbols", default="", help="only these, separated by commas")
        parser.add_argument("--vendors", default=",".join(VENDORS), help="asked in this order (default: %(default)s)")
        parser.add_argument(
            "--fault", action="append", default=[], metavar="VENDOR:KIND[:SHARE]", help="e.g. polygon:server_error:0.5"
        )
        parser.add_argument("--processes", type=int, default=2, help="worker processes (default: %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        vendors = _listed(options["vendors"])
        if not vendors or set(vendors) - set(VENDORS):
            raise CommandError(f"--vendors: expected some of {', '.join(VENDORS)}, got {options['vendors']!r}")
        try:
            recordings = read_recording(options["folder"], symbols=_listed(options["symbols"]))
        except (DatasetError, ValueError) as error:
            raise CommandError(str(error)) from error
        call_command("migrate", verbosity=0)
        with tempfile.TemporaryDirectory(prefix="replay-") as folder:
            logs = Path(folder)
            simulator = SimulatorOptions(port=0, data=options["folder"].resolve())
            try:
                with start_simulator_process(simulator, log=logs / "vendors.log") as control:
                    _set_faults(control, options["fault"])
                    providers = create_providers(vendors=vendors, url=control.url)
                    targets = create_targets(recordings, providers=providers)
                    environment = credential_variables(vendors)
                    with running_worker(
                        log=logs / "worker.log", environment=environment, processes=options["processes"]
                    ) as worker:
                        replay = Replay(targets, worker=worker, show=ProgressBar(self.stderr).show)
                        replay.run()
                    zero = frozenset(p.pk for name, p in providers.items() if not get_adapter(name).limits.can_say_null_volume)
                    results = [
                        compare(
                            target,
                            calls=_calls(control, target.recorded.symbol),
                            begun_at=replay.begun_at,
                            null_volume_is_zero=zero,
                        )
                        for target in targets
                    ]
            except RuntimeError as error:
                raise CommandError(f"{error}\n{_ends_of(logs)}") from error
            log_ends = _ends_of(logs)
        self._report(results, log_ends)

    def _report(self, results: list[Comparison], log_ends: str) -> None:
        self.stdout.write(table(results))
        if bad := [result for result in results if not result.is_good]:
            self.stderr.write(log_ends)
            names = ", ".join(f"{result.symbol} {result.interval}" for result in bad)
            self.stderr.write(f"not as recorded: {names}")
            sys.exit(1)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _set_faults(control: SimulatorControl, texts: list[str]) -> None:
    for text in texts:
        vendor, _, rest = text.partition(":")
        kind, _, share = rest.partition(":")
        try:
            control.set_fault(kind, vendor=vendor, share=float(share or 1))
        except ValueError as error:
            raise CommandError(f"--fault {text}: {error}") from error


def _calls(control: SimulatorControl, symbol: str) -> int:
    vendors = control.summary()["vendors"]
    return sum(int(vendor["by_symbol"].get(symbol, 0)) for vendor in vendors.values())


def _ends_of(logs: Path) -> str:
    ends = [f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in sorted(logs.glob("*.log"))]
    return "\n".join(ends)
