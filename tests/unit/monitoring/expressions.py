"""What an expression of Prometheus names, and what the service exports."""

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
PAGE = (PROJECT / "docs/metrics.md").read_text()
WORDS = {"and", "or", "unless", "on", "ignoring", "by", "without", "group_left", "group_right", "bool", "offset", "inf", "nan"}
OTHERS = {"up", "probe_success", "ALERTS"}
"""Of Prometheus itself, and of the blackbox exporter."""
LABELS_OF_OTHERS = {"job", "instance", "le", "alertname", "alertstate", "severity", "status", "view", "method"}
ROW = re.compile(r"^\| `(\w+)(?:\{([\w,]+)\})?` \| (\w+) \|", flags=re.MULTILINE)


def exported() -> set[str]:
    """Names of samples, as docs/metrics.md lists what they belong to; a test of its own holds that page to the code."""
    names = set(re.findall(r"\b(django_\w+)`", PAGE)) | OTHERS
    for name, _, kind in ROW.findall(PAGE):
        names |= {f"{name}_bucket", f"{name}_count", f"{name}_sum"} if kind == "histogram" else {name}
    return names | {f"{name}_bucket" for name in names if name.startswith("django_http_requests_latency")}


def exported_labels() -> set[str]:
    """Names of labels."""
    return {label for _, labels, _ in ROW.findall(PAGE) for label in labels.split(",") if label} | LABELS_OF_OTHERS


def metrics_of(expr: str) -> set[str]:
    """Names of metrics and recorded rules."""
    bare = re.sub(r'"[^"]*"', "", expr)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|on|without|ignoring) \([^)]*\)", "", bare)
    found = re.findall(r"(?<![\w:.$])[A-Za-z_][\w:]*(?!\s*\(|[\w:])", bare)
    return {name for name in found if name.lower() not in WORDS}


def labels_of(expr: str) -> set[str]:
    """Names of labels that it groups or chooses by."""
    bare = re.sub(r'"[^"]*"', '""', expr)
    grouped = re.findall(r"\b(?:by|on|without|ignoring) \(([^)]*)\)", bare)
    chosen = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", bare)
    return {label.strip() for group in grouped for label in group.split(",") if label.strip()} | set(chosen)
