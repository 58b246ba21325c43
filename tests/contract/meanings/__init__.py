"""What each recorded answer means, read from the recordings by hand: one file a vendor, with tables by recording.

`MEANINGS` are of bars and errors, `QUOTES` of quotes where the vendor's adapter has them.
"""

import importlib
import pkgutil

from tests.contract.meanings.meaning import Meaning, QuoteMeaning

_VENDORS = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "meaning")

_MODULES = {vendor: importlib.import_module(f"{__name__}.{vendor}") for vendor in _VENDORS}

MEANINGS: dict[str, dict[str, Meaning]] = {vendor: module.MEANINGS for vendor, module in _MODULES.items()}
"""By adapter, then by recording."""
QUOTES: dict[str, dict[str, QuoteMeaning]] = {
    vendor: module.QUOTES for vendor, module in _MODULES.items() if hasattr(module, "QUOTES")
}
"""The same of quotes."""
