"""How a provider's credentials are typed in: names of variables, never a secret."""

import re
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,99}")


class VariableNamesField(forms.CharField):
    """Credential → environment variable, one `api_key = POLYGON_API_KEY` a line."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        """The stored map as lines; what was typed stays as typed."""
        return "\n".join(f"{name} = {variable}" for name, variable in value.items()) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> Any:
        """The map. Raises: ValidationError, which does not repeat what was typed: it may be the secret itself."""
        names: dict[str, str] = {}
        for number, line in enumerate((value or "").splitlines(), start=1):
            if not line.strip():
                continue
            name, _, variable = (part.strip() for part in line.partition("="))
            if not name.isidentifier() or not _VARIABLE.fullmatch(variable):
                raise forms.ValidationError(
                    f"Line {number}: expected a credential and the name of an environment variable in capitals, such as "
                    "api_key = POLYGON_API_KEY. Secrets themselves are never stored here."
                )
            names[name] = variable
        return names

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare as lines."""
        return bool(self.prepare_value(initial) != (data or "").replace("\r\n", "\n").strip())
