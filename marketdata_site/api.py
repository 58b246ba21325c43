"""The REST API as a whole: who may call it, what its documentation declares, and which routers it is made of."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from collector.api import router as collector_router
from collector.feed.api import router as feed_router
from marketdata_site.api_errors import ErrorOut, install, refusal_of
from marketdata_site.observability.version import VERSION
from ops.access.scopes import scope_of
from ops.api import router as ops_router
from ops.auth import guard
from ops.pages import may_look
from providers.api import router as providers_router

DESCRIPTION = """Bars, instruments and coverage of this market data service; the live feed is the WebSocket `/ws/feed`.

Every error is `{"error": {"code", "message", "field"}}`. Times are RFC 3339 in UTC, spans are half-open. Calls from this machine and
from staff sessions need nothing else; other programs send an API key as `Authorization: Bearer …` or `X-API-Key`. The scope that a key
needs is named with each endpoint: `read`, `ops` or `admin`, each of which includes the one before."""
_ERRORS = {
    "400": "More parameters than are read, or a body that is no JSON.",
    "401": "Neither on this machine, nor staff, nor with a key; or the key is unknown, expired or revoked.",
    "403": "The key's scope is too small, or staff has not the permission.",
    "404": "What was named does not exist.",
    "422": "A parameter is wrong; `field` names it.",
    "429": "Too many keys that open nothing came from this address; `Retry-After` says for how long none is looked at.",
    "500": "A defect of the service.",
    "503": "The database does not answer.",
}
_ERRORS_OF_CHANGES = {
    "403": "The key's scope is too small; a page of another site; a session without its CSRF token or the permission."
}
_ERRORS_OF_BODIES = {"413": "The body is longer than what is read."}
_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key."},
    "session": {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "A staff session of the admin."},
}
_REF = {"$ref": "#/components/schemas/ErrorOut"}

View = Callable[..., HttpResponseBase]


class MarketDataApi(NinjaAPI):
    """Ninja declares only what endpoints return; who may call them and the errors that any of them can give are added here."""

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        """The OpenAPI document with the scope and the error responses of each guarded endpoint."""
        schema = super().get_openapi_schema(**options)
        definitions = ErrorOut.model_json_schema(ref_template="#/components/schemas/{model}")
        nested = definitions.pop("$defs")
        schema["components"]["schemas"].update({**nested, "ErrorOut": definitions})
        schema["components"]["securitySchemes"] = _SCHEMES
        for path, operations in schema["paths"].items():
            for method, operation in operations.items():
                scope = scope_of(method=method.upper(), path=path)
                if scope is not None:
                    operation["security"] = [{scheme: [scope.value]} for scheme in _SCHEMES]
                    wanted = _ERRORS | (_ERRORS_OF_CHANGES if method != "get" else {})
                    _declare(wanted | (_ERRORS_OF_BODIES if "requestBody" in operation else {}), operation["responses"])
        return schema


def _declare(errors: Mapping[str, str], responses: dict[Any, Any]) -> None:
    declared = {str(status) for status in responses}
    for status, description in errors.items():
        if status not in declared:
            responses[status] = {"description": description, "content": {"application/json": {"schema": _REF}}}


def _readers_only(view: View) -> View:
    """The documentation is for those who may read; programs are told why they may not, people asked to log in."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.path.endswith(".json"):
            return refusal_of(request) or view(request, *args, **kwargs)
        return view(request, *args, **kwargs) if may_look(request) else redirect_to_login(request.get_full_path())

    return guarded


api = MarketDataApi(
    title="Market data",
    version=VERSION,
    urls_namespace="api",  # without the version: names of views are labels of metrics
    description=DESCRIPTION,
    auth=guard,
    docs_decorator=_readers_only,
)
install(api)
api.add_router("", ops_router)
api.add_router("", collector_router)
api.add_router("", feed_router)
api.add_router("", providers_router)
