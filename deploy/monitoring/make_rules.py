"""`python deploy/monitoring/make_rules.py`: the rule file of Prometheus and promtool, made of the PrometheusRule beside it.

The operator's object holds under `spec` what Prometheus reads as a file, indented by one step; so lines are copied and no YAML is parsed,
and comments stay. `--docs` and `--grafana` put your addresses in the place of the examples.
"""

import sys
from argparse import ArgumentParser
from pathlib import Path

HERE = Path(__file__).parent
SOURCE, MADE = HERE / "alerts-slo.yaml", HERE / "rules.yml"
DOCS, GRAFANA = "https://market-data.example.com/docs", "https://grafana.example.com"
HEADER = "# Made of alerts-slo.yaml by make_rules.py (`make rules`): change that one.\n"
STEP = "  "


def plain(rule_object: str) -> str:
    """What stands under `spec`. Raises: ValueError when the last part of the text is not an indented `spec`."""
    _, found, body = rule_object.partition("\nspec:\n")
    lines = body.splitlines()
    if not found or any(line and not line.startswith(STEP) for line in lines):
        raise ValueError("expected an object that ends with `spec:` and what it holds, indented by two spaces")
    return HEADER + "".join(f"{line.removeprefix(STEP)}\n" for line in lines)


def addressed(rules: str, *, docs: str, grafana: str) -> str:
    """With links that lead to your pages and your Grafana."""
    return rules.replace(DOCS, docs.rstrip("/")).replace(GRAFANA, grafana.rstrip("/"))


def main() -> None:
    """Write the file."""
    parser = ArgumentParser(description="Make the rule file of Prometheus of the PrometheusRule.")
    parser.add_argument("--docs", default=DOCS, metavar="URL", help=f"where docs/ can be read; default: {DOCS}")
    parser.add_argument("--grafana", default=GRAFANA, metavar="URL", help=f"default: {GRAFANA}")
    parser.add_argument(
        "--object", action="store_true", help="print the whole PrometheusRule with these addresses, for kubectl"
    )
    parser.add_argument("--print", action="store_true", help="print the rules instead of writing rules.yml")
    options = parser.parse_args()
    source = SOURCE.read_text(encoding="utf-8")
    text = addressed(source if options.object else plain(source), docs=options.docs, grafana=options.grafana)
    if options.object or options.print:
        sys.stdout.write(text)
    else:
        MADE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
