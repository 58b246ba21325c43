"""How fast `align_minute` is, against exchange_calendars' own scalar call in the same run, at random minutes of five years.

python -m benchmarks.bench_calendar
"""

import timeit
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import exchange_calendars
import numpy as np
import pandas as pd

from providers.market.calendar import Calendar, get_calendar
from providers.market.days import day_of
from providers.market.types import DAY_US, MINUTE_US, MicrosArray

FIRST, LAST = date(2021, 1, 1), date(2025, 12, 31)
ROUNDS = 40


def run() -> list[dict[str, Any]]:
    """The rows of this benchmark: name, ours, rival, ratio, target, unit. A missing rival means that the target is absolute."""
    calendar = get_calendar("XNYS")
    minutes = np.arange(day_of(FIRST) * DAY_US, day_of(LAST) * DAY_US, MINUTE_US, dtype=np.int64)
    calendar.align_minutes(minutes)  # reads the years once, as a process does before its hot path
    sample = np.random.default_rng(1).choice(minutes, 20_000).tolist()
    ours, is_open, rival, rival_ready = _seconds_a_call(calendar, sample)
    return [
        _row("align_minute of epoch µs", ours=ours * 1e9, rival=rival * 1e9, ratio=rival / ours, target=">= 40x", unit="ns"),
        _row("- rival given ready Timestamps", ours=ours * 1e9, rival=rival_ready * 1e9, ratio=rival_ready / ours, unit="ns"),
        _row("align_minute, scalar call", ours=ours * 1e9, target="<= 1000", unit="ns"),
        _row("is_market_open, scalar call", ours=is_open * 1e9, target="<= 1000", unit="ns"),
        _row("align_minutes, 5 years of minutes in order", ours=_millions(minutes), target=">= 20", unit="M/s"),
        _row(
            "align_minutes, 1 M random instants, sorted",
            ours=_millions(_random(minutes, is_sorted=True)),
            target=">= 20",
            unit="M/s",
        ),
        _row("align_minutes, 1 M random instants, unsorted", ours=_millions(_random(minutes, is_sorted=False)), unit="M/s"),
    ]


def _row(
    name: str, *, ours: float, unit: str, rival: float | None = None, ratio: float | None = None, target: str | None = None
) -> dict[str, Any]:
    return {"name": name, "ours": ours, "rival": rival, "ratio": ratio, "target": target, "unit": unit}


def _each(call: Callable[[Any], object], sample: list[Any]) -> None:
    for ts in sample:
        call(ts)


def _seconds_a_call(calendar: Calendar, sample: list[int]) -> list[float]:
    """Of `align_minute`, `is_market_open`, the library's call from the same input, and from timestamps made before.

    The best of many short turns, taken in alternation, so that whatever else the machine does meets all of them.
    """
    library = exchange_calendars.get_calendar("XNYS", start="2020-12-01", end="2026-01-31", side="left")
    few = sample[:500]
    stamps = [pd.Timestamp(ts, unit="us", tz="UTC") for ts in few]
    library.minute_to_trading_minute(stamps[0], direction="previous")  # builds its index of minutes

    def from_micros(ts: int) -> object:
        return library.minute_to_trading_minute(pd.Timestamp(ts, unit="us", tz="UTC"), direction="previous")

    def from_stamp(stamp: pd.Timestamp) -> object:
        return library.minute_to_trading_minute(stamp, direction="previous")

    turns: list[tuple[Callable[[Any], object], list[Any]]] = [
        (calendar.align_minute, sample),
        (calendar.is_market_open, sample),
        (from_micros, few),
        (from_stamp, stamps),
    ]
    rounds = [[timeit.timeit(partial(_each, *turn), number=1) / len(turn[1]) for turn in turns] for _ in range(ROUNDS)]
    return [min(column) for column in zip(*rounds, strict=True)]


def _millions(ts: MicrosArray) -> float:
    calendar = get_calendar("XNYS")
    return len(ts) / min(timeit.repeat(lambda: calendar.align_minutes(ts), number=1, repeat=9)) / 1e6


def _random(minutes: MicrosArray, *, is_sorted: bool) -> MicrosArray:
    ts = np.random.default_rng(2).integers(int(minutes[0]), int(minutes[-1]), 1_000_000)
    return np.sort(ts) if is_sorted else ts


def main() -> None:
    """Print the rows as a table."""
    for row in run():
        rival = "" if row["rival"] is None else f"rival {row['rival']:>12,.0f}   ratio {row['ratio']:>6,.0f}x"
        print(f"{row['name']:<48}{row['ours']:>10,.1f} {row['unit']:<5}{'target ' + (row['target'] or '-'):<18}{rival}")


if __name__ == "__main__":
    main()
