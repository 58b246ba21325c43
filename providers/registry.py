"""Which adapters there are: every module of `providers/adapters/` is imported once, each registers itself by `@register`."""

import importlib
import pkgutil
from functools import cache
from typing import TypeVar

from providers.adapter import Adapter

AdapterType = TypeVar("AdapterType", bound=Adapter)

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

    for module in pkgutil.iter_modules(adapters.__path__):
        importlib.import_module(f"{adapters.__name__}.{module.name}")


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
