"""`manage.py replay_dataset DIR`: prove the data path on recorded bars."""

import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from collector.replay.choosing import Choice, asset_class_of, choose
from collector.replay.comparing import compare
from collector.replay.matrix import Run, matrix
from collector.replay.processes import running_worker
from collector.replay.recording import Recorded, read_recording
from collector.replay.report import ProgressBar, table
from collector.replay.running import Replay
from collector.replay.setting_up import (
    accounts_that_send_zero,
    clear,
    create_providers,
    create_targets,
    credential_variables,
)
from collector.replay.timing import ReplayClock, replay_clock
from marketdata_site.observability import clock
from providers.market.dataset import DatasetError
from providers.registry import adapter_names, get_adapter
from providers.simulator.launch import SimulatorControl, start_simulator_process
from providers.simulator.options import SimulatorOptions
from providers.simulator.recorded import loose_name
from providers.simulator.wire import WIRE_FORMATS
from providers.simulator.wire.base import depth_of

DEFAULT_VENDORS = "polygon,alpaca"
ALL = "all"
WIRES = {wire.vendor: wire for wire in WIRE_FORMATS if wire.vendor in adapter_names()}


class Command(BaseCommand):
    """Serves a data folder by the simulator over HTTP, collects it by Celery jobs, compares Postgres with the files."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="data folder with a series.csv")
        parser.add_argument("--symbols", default="", help="only these, separated by commas")
        parser.add_argument(
            "--vendors",
            default=DEFAULT_VENDORS,
            help=f"asked in this order, or {ALL} for each one alone; known: {', '.join(sorted(WIRES))} (default: %(default)s)",
        )
        parser.add_argument("--alone", action="store_true", help="one replay for each of the vendors, without the others")
        parser.add_argument(
            "--fault", action="append", default=[], metavar="VENDOR:KIND[:SHARE]", help="e.g. polygon:server_error:0.5"
        )
        parser.add_argument("--processes", type=int, default=2, help="worker processes (default: %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        groups = _groups(options["vendors"], is_alone=options["alone"])
        try:
            recordings = read_recording(options["folder"], symbols=_listed(options["symbols"]))
        except (DatasetError, ValueError) as error:
            raise CommandError(str(error)) from error
        call_command("migrate", verbosity=0)
        with tempfile.TemporaryDirectory(prefix="replay-") as folder, replay_clock(Path(folder) / "clock") as following:
            try:
                runs = self._runs(groups, recordings, options, logs=Path(folder), following=following)
            except RuntimeError as error:
                raise CommandError(f"{error}\n{_ends_of(Path(folder))}") from error
            log_ends = _ends_of(Path(folder))
        self._report(runs, log_ends)

    def _runs(
        self,
        groups: Sequence[tuple[str, ...]],
        recordings: Sequence[Recorded],
        options: dict[str, Any],
        *,
        logs: Path,
        following: ReplayClock,
    ) -> list[Run]:
        """One after another on the same servers, each from empty tables."""
        simulator = SimulatorOptions(port=0, data=options["folder"].resolve(), rates=dict.fromkeys(WIRES, 0))
        environment = credential_variables({vendor for group in groups for vendor in group})
        runs: list[Run] = []
        with (
            start_simulator_process(simulator, log=logs / "vendors.log") as control,
            running_worker(log=logs / "worker.log", environment=environment, processes=options["processes"]) as worker,
        ):
            _set_faults(control, options["fault"])
            for vendors in groups:
                if runs:
                    clear()
                    control.forget_calls()
                following.set(None)
                choices = _choices(recordings, vendors)
                providers = create_providers(choices, vendors=vendors, url=control.url, now=clock.now())
                targets = create_targets(choices)
                replay = Replay(targets, worker=worker, clock=following, show=ProgressBar(self.stderr).show)
                replay.run()
                calls = _calls(control)
                zero = accounts_that_send_zero(providers)
                results = [
                    compare(
                        target,
                        calls=calls.get(loose_name(target.recorded.symbol), 0),
                        begun_at=replay.begun_at,
                        null_volume_is_zero=zero,
                    )
                    for target in targets
                ]
                runs.append(Run(vendors, choices, results))
                self.stdout.write(("" if len(groups) == 1 else f"\n{' then '.join(vendors)}\n") + table(results))
                self.stdout.flush()
        return runs

    def _report(self, runs: list[Run], log_ends: str) -> None:
        self.stdout.write(f"\n{matrix(runs)}")
        if any(run.bad for run in runs):
            self.stderr.write(log_ends)
            for run in runs:
                names = ", ".join(f"{result.symbol} {result.interval}" for result in run.bad)
                if names:
                    self.stderr.write(f"not as recorded{_by(run, runs)}: {names}")
            sys.exit(1)


def _by(run: Run, runs: Sequence[Run]) -> str:
    return f" by {' then '.join(run.vendors)}" if len(runs) > 1 else ""


def _groups(text: str, *, is_alone: bool) -> list[tuple[str, ...]]:
    """The vendors of each replay. Raises: CommandError that names those that there are."""
    vendors = sorted(WIRES) if text == ALL else _listed(text)
    if not vendors or set(vendors) - set(WIRES):
        raise CommandError(f"--vendors: expected {ALL} or some of {', '.join(sorted(WIRES))}, got {text!r}")
    return [(vendor,) for vendor in vendors] if is_alone or text == ALL else [tuple(vendors)]


def _choices(recordings: Sequence[Recorded], vendors: Sequence[str]) -> list[Choice]:
    adapters = {vendor: get_adapter(vendor) for vendor in vendors}
    chosen = []
    for recorded in recordings:
        kind = asset_class_of(recorded)
        depths = {vendor: depth_of(WIRES[vendor], interval=recorded.interval, asset_class=kind) for vendor in vendors}
        chosen.append(choose(recorded, adapters=adapters, depths=depths))
    return chosen


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


def _calls(control: SimulatorControl) -> dict[str, int]:
    """Calls by the loose form of the symbol that they asked for."""
    calls: dict[str, int] = {}
    for vendor in control.summary()["vendors"].values():
        for symbol, count in vendor["by_symbol"].items():
            calls[loose_name(symbol)] = calls.get(loose_name(symbol), 0) + int(count)
    return calls


def _ends_of(logs: Path) -> str:
    ends = [f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in sorted(logs.glob("*.log"))]
    return "\n".join(ends)
