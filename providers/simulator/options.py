"""What a simulator is told when it starts: from the command line or from a test."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_PORT = 8090


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """`data` serves a folder, None serves synthetic bars of `seed`. Port 0 takes a free one.

    `rates` are requests per minute by vendor, 0 for no limit. `keys` are the only keys that a vendor accepts
    (`id:secret` where it has two parts); a vendor that is not named accepts any.
    """

    data: Path | None = None
    seed: int = 0
    universe: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0
    rates: Mapping[str, int] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    publication_delay_seconds: float = 1.0
    quiet_percent: int = 0
    has_to_die_with_parent: bool = False

    def arguments(self) -> list[str]:
        """The command line that gives these options."""
        source = ["--synthetic"] if self.data is None else ["--data", str(self.data)]
        universe = [] if self.universe is None else ["--universe", str(self.universe)]
        rates = [word for vendor, rate in self.rates.items() for word in ("--rate", f"{vendor}={rate}")]
        keys = [word for vendor, key in self.keys.items() for word in ("--key", f"{vendor}={key}")]
        words = ["--seed", str(self.seed), "--host", self.host, "--port", str(self.port)]
        words += ["--publication-delay", str(self.publication_delay_seconds), "--quiet-percent", str(self.quiet_percent)]
        return source + universe + words + rates + keys + (["--die-with-parent"] if self.has_to_die_with_parent else [])


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the options to a parser."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="DIR", help="serve the recorded bars of a folder with a series.csv")
    source.add_argument("--synthetic", action="store_true", help="serve bars of any symbol, made from the seed")
    parser.add_argument("--seed", type=int, default=0, help="what synthetic bars and the shares of faults are made from")
    parser.add_argument("--universe", type=Path, metavar="FILE", help="CSV symbol,calendar,hours,asset_class (synthetic)")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes a free one")
    parser.add_argument("--rate", action="append", type=_rate, default=[], metavar="VENDOR=N", help="requests a minute, 0: any")
    parser.add_argument("--key", action="append", type=_pair, default=[], metavar="VENDOR=KEY", help="accept only this key")
    parser.add_argument("--publication-delay", type=float, default=1.0, metavar="SECONDS", help="from a close to its bar")
    parser.add_argument("--quiet-percent", type=int, default=0, metavar="N", help="share of symbols with empty minutes")
    parser.add_argument("--die-with-parent", action="store_true", help="end when the process that started this one ends")


def options_of(arguments: Namespace) -> SimulatorOptions:
    """The options that a parser read."""
    return SimulatorOptions(
        data=arguments.data,
        seed=arguments.seed,
        universe=arguments.universe,
        host=arguments.host,
        port=arguments.port,
        rates=dict(arguments.rate),
        keys=dict(arguments.key),
        publication_delay_seconds=arguments.publication_delay,
        quiet_percent=arguments.quiet_percent,
        has_to_die_with_parent=arguments.die_with_parent,
    )


def _pair(text: str) -> tuple[str, str]:
    vendor, separator, value = text.partition("=")
    if not (vendor and separator and value):
        raise ArgumentTypeError("expected VENDOR=VALUE")
    return vendor, value


def _rate(text: str) -> tuple[str, int]:
    vendor, value = _pair(text)
    if not value.isdecimal():
        raise ArgumentTypeError(f"expected a whole number of requests a minute for {vendor}, got {value!r}")
    return vendor, int(value)
