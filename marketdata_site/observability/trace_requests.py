"""Traces of API requests: the view alone, in its thread, under the view's name. No middleware at all while tracing is off."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

from marketdata_site.observability.trace import ENABLED, maybe_trace


class TraceRequests(MiddlewareMixin):
    """Last of all middleware, since it answers in the view's place."""

    def __init__(self, get_response: Any) -> None:
        if not ENABLED:
            raise MiddlewareNotUsed("tracing is off")
        super().__init__(get_response)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]
    ) -> HttpResponseBase | None:
        """The view's answer, traced; None for what is no request of the API."""
        match = request.resolver_match
        if match is None or match.namespace != "api" or iscoroutinefunction(view):
            return None
        with maybe_trace(f"api_{match.url_name}"):
            response: HttpResponseBase = view(request, *args, **named)
            return response
