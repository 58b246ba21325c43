"""What a REST endpoint raises to refuse a request; `marketdata_site.api` turns it into the one JSON shape of all errors.

    {"error": {"code": "unknown_symbol", "message": "unknown symbol 'AAPX'", "field": "symbol"}}

`code` is stable and for programs, `message` is for people, `field` is the parameter at fault or null. It lives at the bottom of
the house because every app's routers and selectors raise it.
"""

from typing import Any, get_args, get_origin

from django.http import HttpRequest
from ninja import Schema

_BODIES = ("application/json", "application/x-www-form-urlencoded")
"""What programs send parameters as: `curl -d tier=T0` would else act on all tiers."""


class ApiError(Exception):
    """A refusal with its HTTP status."""

    retry_after: int | None = None
    """Seconds, where trying again then may help."""

    def __init__(self, message: str, *, code: str, status: int = 422, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.field = field


class NotFound(ApiError):
    """404: what was named does not exist."""

    def __init__(self, message: str, *, code: str, field: str | None = None) -> None:
        super().__init__(message, code=code, status=404, field=field)


def refuse_unknown(request: HttpRequest, schema: type[Schema] | None = None, *, takes_body: bool = False) -> None:
    """What a caller says must not be passed over: a misspelt parameter, one that is not taken here, the first of two values.

    Without `schema` the address takes none. Raises: ApiError that names it and the known ones.
    """
    fields = {} if schema is None else schema.model_fields
    for name, values in request.GET.lists():
        if name not in fields:
            known = ", ".join(fields) or "none"
            raise ApiError(f"{name}: unknown parameter; known: {known}", code="unknown_parameter", field=name)
        if len(values) > 1 and not _is_list(fields[name].annotation):
            raise ApiError(f"{name}: expected one value, got {len(values)}", code="invalid_parameter", field=name)
    if not takes_body and request.content_type in _BODIES and request.body.strip() not in (b"", b"{}", b"null"):
        raise ApiError("parameters of this endpoint stand in its address, not in a body", code="unknown_parameter")


def _is_list(annotation: Any) -> bool:
    return any(get_origin(one) is list for one in (annotation, *get_args(annotation)))
