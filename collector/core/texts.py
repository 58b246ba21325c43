"""Text that came from elsewhere, as a row can hold it. Pure."""


def storable(text: str) -> str:
    """What no Postgres text can hold (NUL, half a surrogate pair) spelled out, instead of costing the row and all beside it."""
    return text.replace("\x00", "\\x00").encode(errors="backslashreplace").decode()
