"""What each recorded answer means, read from the recordings by hand: one file a vendor, with a table `MEANINGS` by recording."""

import importlib
import pkgutil

from tests.contract.meanings.meaning import Meaning

_VENDORS = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "meaning")

MEANINGS: dict[str, dict[str, Meaning]] = {
    vendor: importlib.import_module(f"{__name__}.{vendor}").MEANINGS for vendor in _VENDORS
}
"""By adapter, then by recording."""
