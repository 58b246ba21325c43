"""A small data folder in the form of the recorded one, made from a seed."""

import csv
import gzip
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np

from providers.market.calendar import get_calendar
from providers.market.dataset import MANIFEST_COLUMNS, VALUE_COLUMNS
from providers.market.types import MINUTE_US, Hours, Interval, Micros, from_us

FIRST, LAST = date(2025, 10, 6), date(2025, 10, 10)
LINES = (("AAA", Interval.M1), ("BBB", Interval.M1), ("BBB", Interval.M5), ("CCC", Interval.D1))


def write_dataset(folder: Path) -> Path:
    """Four files of one week: minutes without holes, minutes with holes and a closing print, five minutes, days."""
    with (folder / "series.csv").open("w", newline="") as manifest:
        writer = csv.writer(manifest)
        writer.writerow(MANIFEST_COLUMNS)
        for symbol, interval in LINES:
            starts = _starts(symbol, interval)
            name = f"{symbol}_{interval.value}.csv.gz".lower()
            _write(folder / name, starts, is_daily=interval is Interval.D1, seed=len(name) + len(starts))
            writer.writerow([name, symbol, interval.value, "XNYS", "regular", len(starts), _iso(starts[0]), _iso(starts[-1])])
    return folder


def _starts(symbol: str, interval: Interval) -> list[Micros]:
    slots, days = get_calendar("XNYS", Hours.REGULAR).session_slots(interval, FIRST, LAST)
    starts: list[Micros] = slots.tolist()
    if symbol == "BBB" and interval is Interval.M1:
        quiet = {7, 8, 100, 390, 391, 900, *range(1000, 1030)}  # single minutes, a session's first two, half an hour
        starts = [start for i, start in enumerate(starts) if i not in quiet]
        closes = [int(slots[days == day][-1]) + MINUTE_US for day in np.unique(days)[:2]]
        starts = sorted([*starts, *closes])  # the closing print, a minute after the session
    return starts


def _write(path: Path, starts: Sequence[Micros], *, is_daily: bool, seed: int) -> None:
    walk = np.random.default_rng(seed).integers(-5, 6, size=(len(starts), 4))
    with gzip.open(path, "wt", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["date" if is_daily else "ts_utc", *VALUE_COLUMNS])
        ticks = 10_000
        for i, (start, (to, up, down, lots)) in enumerate(zip(starts, walk.tolist(), strict=True)):
            close = ticks + to
            high, low = max(ticks, close) + abs(up), min(ticks, close) - abs(down)
            volume = "" if i % 97 == 0 else 100 * abs(lots)
            stamp = from_us(start).date().isoformat() if is_daily else _iso(start)
            writer.writerow([stamp, ticks / 100, high / 100, low / 100, close / 100, volume])
            ticks = close


def _iso(start: Micros) -> str:
    return from_us(start).isoformat().replace("+00:00", "Z")
