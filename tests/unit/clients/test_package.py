"""The Python client is a package of its own: nothing of the server is in it, and what it imports is what it says it needs."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import marketdata_client

PACKAGE = Path(__file__).resolve().parents[3] / "clients/python"
SOURCES = sorted((PACKAGE / "src/marketdata_client").glob("*.py"))
PROJECT = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]


def imported(tree: ast.AST) -> set[str]:
    """The packages that code imports, within functions too."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"\W", one)[0] for one in requirements}


def test_package_imports_what_it_says_it_needs_and_nothing_of_the_server() -> None:
    found = set().union(*(imported(ast.parse(path.read_text())) for path in SOURCES))
    extras = {name for some in PROJECT["optional-dependencies"].values() for name in names(some)}
    assert found - sys.stdlib_module_names - {"marketdata_client"} == names(PROJECT["dependencies"]) | extras


def test_everything_that_the_package_exports_is_there_and_said_in_order() -> None:
    assert sorted(marketdata_client.__all__) == sorted(set(marketdata_client.__all__))
    assert all(hasattr(marketdata_client, name) for name in marketdata_client.__all__)
    classes = [value for value in vars(marketdata_client.models).values() if isinstance(value, type)]
    told = {one.__name__ for one in classes if one.__module__ == "marketdata_client.models"} - {"Value"}
    assert told <= set(marketdata_client.__all__)
