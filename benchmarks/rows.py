"""The one shape of a benchmark's result, and how it is printed."""

from collections.abc import Sequence
from typing import Any


def row(
    name: str, *, ours: float, unit: str, rival: float | None = None, ratio: float | None = None, target: str | None = None
) -> dict[str, Any]:
    """One number. A missing rival means that the target is absolute; a missing target that the number is for the record."""
    return {"name": name, "ours": ours, "rival": rival, "ratio": ratio, "target": target, "unit": unit}


def reached(result: dict[str, Any]) -> bool | None:
    """Whether the target is met; None where there is none. A target with an `x` speaks of the ratio."""
    if not result["target"]:
        return None
    comparison, number = result["target"].split()
    value = result["ratio"] if number.endswith("x") else result["ours"]
    bound = float(number.rstrip("x").replace(",", ""))
    return value >= bound if comparison == ">=" else value <= bound


def table(results: Sequence[dict[str, Any]]) -> str:
    """One line a number."""
    header = ("what", "ours", "rival", "unit", "ratio", "target", "")
    lines = [header, *(_cells(result) for result in results)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(
        "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True)))
        for line in lines
    )


def _cells(result: dict[str, Any]) -> tuple[str, ...]:
    verdict = {True: "reached", False: "MISSED", None: ""}[reached(result)]
    ratio = "" if result["ratio"] is None else f"{result['ratio']:.2f}x"
    return (
        result["name"],
        _number(result["ours"]),
        _number(result["rival"]),
        result["unit"],
        ratio,
        result["target"] or "",
        verdict,
    )


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
