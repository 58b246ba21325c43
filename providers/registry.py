"""Which adapters there are: every module of `providers/adapters/` is imported once, each registers itself by `@register`.

`MARKETDATA_ADAPTERS_DIR` names a folder of an operator's own: its modules are imported as if they lay beside the others.
"""

import importlib
import os
import pkgutil
from collections.abc import Collection
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from providers.adapter import Adapter

AdapterType = TypeVar("AdapterType", bound=Adapter)

FOLDER_VARIABLE = "MARKETDATA_ADAPTERS_DIR"
_ADAPTERS: dict[str, Adapter] = {}


def register(adapter: type[AdapterType]) -> type[AdapterType]:
    """Class decorator: make one instance known under its `name`. Raises: ValueError when the name is taken."""
    if adapter.name in _ADAPTERS and type(_ADAPTERS[adapter.name]).__qualname__ != adapter.__qualname__:
        raise ValueError(f"two adapters call themselves {adapter.name!r}")
    _ADAPTERS[adapter.name] = adapter()
    return adapter


@cache
def _discover() -> None:
    from providers import adapters

    shipped = {module.name for module in pkgutil.iter_modules(adapters.__path__)}
    for name in sorted(shipped):
        importlib.import_module(f"{adapters.__name__}.{name}")
    folder = os.environ.get(FOLDER_VARIABLE, "").strip()
    if folder:
        _import_all(Path(folder), adapters, shipped)


def _import_all(folder: Path, package: ModuleType, shipped: Collection[str]) -> None:
    """Raises: ImportError that names the file, or the variable where its folder is none."""
    if not folder.is_dir():
        raise ImportError(f"{FOLDER_VARIABLE} names no folder: {folder}")
    package.__path__.append(str(folder.resolve()))
    for name in sorted(module.name for module in pkgutil.iter_modules([str(folder)])):
        path = folder / f"{name}.py"
        if name in shipped:
            raise ImportError(f"{path}: an adapter module of that name is there already, choose another one")
        try:
            importlib.import_module(f"{package.__name__}.{name}")
        except Exception as error:
            raise ImportError(f"{path} can't be imported: {error}") from error


def adapter_names() -> list[str]:
    """Names of all adapters, sorted."""
    _discover()
    return sorted(_ADAPTERS)


def get_adapter(name: str) -> Adapter:
    """The adapter of that name. Raises: KeyError that lists the known ones."""
    _discover()
    try:
        return _ADAPTERS[name]
    except KeyError:
        raise KeyError(f"unknown adapter {name!r}, known: {', '.join(sorted(_ADAPTERS))}") from None
