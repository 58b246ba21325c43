"""How a replay looks while it runs and when it is done."""

from collections.abc import Sequence

from django.core.management.base import OutputWrapper

from collector.replay.comparing import Comparison
from collector.replay.running import Progress

_HEADERS = (
    "series", "file rows", "held", "missing", "extra", "different", "rejected", "sessions complete", "slots open",
    "proven empty", "vendor calls", "bars/s",
)  # fmt: skip
_BAR_WIDTH = 32


class ProgressBar:
    """One line that is drawn over on a terminal; elsewhere a line whenever a tenth more is done."""

    def __init__(self, out: OutputWrapper) -> None:
        self.out, self.tenths = out, -1

    def show(self, progress: Progress) -> None:
        """Draw where the replay stands."""
        share = min(1.0, progress.bars / progress.rows) if progress.rows else 1.0
        done = round(share * _BAR_WIDTH)
        bar = "#" * done + "." * (_BAR_WIDTH - done)
        at = f"round {progress.round}" + (f" of pass {progress.number} of {progress.count}" if progress.count > 1 else "")
        line = f"[{bar}] {share:4.0%}  {progress.bars:,} of {progress.rows:,} bars, {at}"
        if self.out.isatty():
            self.out.write(f"\r{line}", ending="\n" if share >= 1 else "")
        elif int(share * 10) != self.tenths:
            self.tenths = int(share * 10)
            self.out.write(line)
        self.out.flush()


def table(results: Sequence[Comparison]) -> str:
    """One line a series, one for all. `bars/s`: rows of the file by the time from the first job to the series' last commit."""
    return aligned([_HEADERS, *(_cells(result) for result in results), _total(results)])


def aligned(rows: Sequence[Sequence[str]], *, to_the_left: int = 1) -> str:
    """Rows under their first one, which is the heading; the first `to_the_left` columns are texts, the others numbers."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    heading, *others = (_line(row, widths, to_the_left) for row in rows)
    return "\n".join([heading, "  ".join("-" * width for width in widths), *others])


def _cells(r: Comparison) -> tuple[str, ...]:
    numbers = (r.file_rows, r.held, r.missing, r.extra, r.different, r.rejected)
    rest = (r.slots_missing, r.slots_empty, r.calls, round(r.bars_per_second))
    sessions = f"{r.sessions_complete:,} of {r.sessions:,}"
    return (f"{r.symbol} {r.interval}", *(f"{n:,}" for n in numbers), sessions, *(f"{n:,}" for n in rest))


def _total(results: Sequence[Comparison]) -> tuple[str, ...]:
    return _cells(
        Comparison(
            symbol=f"{len(results)} series,",
            interval="all",
            columns=(),
            file_rows=sum(r.file_rows for r in results),
            held=sum(r.held for r in results),
            missing=sum(r.missing for r in results),
            extra=sum(r.extra for r in results),
            different=sum(r.different for r in results),
            rejected=sum(r.rejected for r in results),
            sessions=sum(r.sessions for r in results),
            sessions_complete=sum(r.sessions_complete for r in results),
            slots_missing=sum(r.slots_missing for r in results),
            slots_empty=sum(r.slots_empty for r in results),
            calls=sum(r.calls for r in results),
            seconds=max((r.seconds for r in results), default=0.0),
        )
    )


def _line(cells: Sequence[str], widths: Sequence[int], to_the_left: int) -> str:
    padded = (
        cell.ljust(width) if i < to_the_left else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join(padded).rstrip()
