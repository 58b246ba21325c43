"""Reads who imports whom from the source, function-level and conditional imports too, and what breaks the house's rules."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HOUSES = ("marketdata_site", "ops", "collector", "providers")
"""From the roof down: each may import itself and what stands after it."""
GROUND_FLOOR = "marketdata_site.observability"
"""Imports nothing of ours; everybody may use it."""

PURE_ROOMS = (
    "providers.market",
    "providers.errors",
    "providers.adapter",
    "providers.adapters",
    "providers.health",
    "providers.breaker",
    "providers.budget",
    "providers.policy",
    "collector.feed.frames",
    "collector.feed.protocol",
)
PURE_ROOM_NAME = "core"
"""Any package of this name is pure as well."""
IMPURE = frozenset(
    {
        "django",
        "ninja",
        "channels",
        "celery",
        "kombu",
        "daphne",
        "twisted",
        "redis",
        "psycopg",
        "aiohttp",
        "requests",
        "urllib3",
    }
    | {"socket", "asyncio", "subprocess", "multiprocessing", "time", "http.client", "urllib.request", "prometheus_client"}
)
"""Frameworks, sockets, processes and the clock. A lock around a cache (`threading`) is no business with the world."""


@dataclass(frozen=True, slots=True)
class Import:
    """`importer` imports `imported` (dotted names, as deep as the source says) at that line."""

    importer: str
    imported: str
    line: int


def imports_of(root: Path) -> list[Import]:
    """All imports in the houses below a folder, migrations included, tests left out."""
    found: list[Import] = []
    for house in HOUSES:
        for path in sorted((root / house).rglob("*.py")):
            module = _module(path.relative_to(root))
            found.extend(_imports(tree=ast.parse(path.read_text()), module=module, is_package=path.name == "__init__.py"))
    return found


def violations(imports: list[Import]) -> list[str]:
    """What breaks a rule, one sentence each."""
    by_importer: dict[str, list[Import]] = {}
    for found in imports:
        by_importer.setdefault(found.importer, []).append(found)
    upward = [f"{found.importer}:{found.line} imports {found.imported}: {why}" for found in imports if (why := _upward(found))]
    stained = [
        f"{module} is a pure room, yet " + ", which ".join(f"imports {step}" for step in trail)
        for module in sorted(by_importer)
        if is_pure(module) and (trail := _way_out(module, by_importer=by_importer, seen=set()))
    ]
    return upward + stained


def _upward(found: Import) -> str:
    """Why an import runs the wrong way, empty when it does not."""
    importer, imported = found.importer.partition(".")[0], found.imported.partition(".")[0]
    if imported not in HOUSES or _within(found.imported, GROUND_FLOOR):
        return ""
    if _within(found.importer, GROUND_FLOOR):
        return "the ground floor imports nothing of ours"
    return f"{importer} stands below {imported}" if HOUSES.index(imported) < HOUSES.index(importer) else ""


def _way_out(module: str, *, by_importer: dict[str, list[Import]], seen: set[str]) -> list[str]:
    """The imports that lead from a module to something impure, however far away; empty when none do."""
    seen.add(module)
    for found in by_importer.get(module, []):
        if any(_within(found.imported, name) for name in IMPURE):
            return [found.imported]
        target = found.imported if found.imported in by_importer else found.imported.rpartition(".")[0]
        if target in by_importer and target not in seen and (way := _way_out(target, by_importer=by_importer, seen=seen)):
            return [target, *way]
    return []


def is_pure(module: str) -> bool:
    """Whether a module belongs to a pure room."""
    return PURE_ROOM_NAME in module.split(".") or any(_within(module, room) for room in PURE_ROOMS)


def _within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def _imports(*, tree: ast.AST, module: str, is_package: bool) -> Iterator[Import]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = _base(node=node, module=module, is_package=is_package)
            for (
                alias
            ) in node.names:  # the name may be a module or a thing inside of one; either way the rules see the right room
                yield Import(module, f"{base}.{alias.name}", node.lineno)


def _base(*, node: ast.ImportFrom, module: str, is_package: bool) -> str:
    """The absolute name that a `from` clause starts at, relative imports resolved."""
    if node.level == 0:
        return node.module or ""
    package = module.split(".") if is_package else module.split(".")[:-1]
    parents = package[: len(package) - (node.level - 1)]
    return ".".join([*parents, *([node.module] if node.module else [])])


def _module(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
