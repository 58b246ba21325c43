"""The one JSON shape of every error outside of the admin, whoever raised it: an endpoint, ninja, Django's routing or a bug."""

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.decorators import sync_and_async_middleware
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError

from ops.auth import guard
from providers.api_errors import ApiError

log = logging.getLogger(__name__)

HTML_PATHS = ("/admin/", "/static/")
"""Addresses whose errors are pages for people."""
_VALUE_ERROR = "Value error, "  # what pydantic puts before the message of a validator


class ErrorDetail(Schema):
    """What went wrong: `code` for programs, `message` for people, `field` the parameter at fault."""

    code: str
    message: str
    field: str | None


class ErrorOut(Schema):
    """The shape of every error."""

    error: ErrorDetail


def error_response(*, status: int, code: str, message: str, field: str | None = None) -> HttpResponse:
    """An error in the one shape; a 401 says how to get in."""
    response = JsonResponse({"error": {"code": code, "message": message, "field": field}}, status=status)
    if status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = "Bearer"
    return response


def unauthorized() -> HttpResponse:
    """401, with the three ways in."""
    return error_response(
        status=401,
        code="unauthorized",
        message="send an API key as `Authorization: Bearer …` or `X-API-Key`, log in as staff, or call from this machine directly",
    )


def refusal_of(request: HttpRequest) -> HttpResponse | None:
    """What a view outside of the API answers to whom `ops.auth.guard` does not let through, None to the others."""
    try:
        return None if guard(request) is not None else unauthorized()
    except ApiError as error:
        return _refused(request, error)
    except (OperationalError, InterfaceError) as error:
        return _database_lost(request, error)


def install(api: NinjaAPI) -> None:
    """Give `api` the handlers of all errors that may come out of an endpoint."""
    api.add_exception_handler(ApiError, _refused)
    api.add_exception_handler(ValidationError, _invalid)
    api.add_exception_handler(AuthenticationError, lambda request, error: unauthorized())
    api.add_exception_handler(HttpError, _http_error)
    api.add_exception_handler(SuspiciousOperation, _beyond_limits)
    for lost in (OperationalError, InterfaceError):
        api.add_exception_handler(lost, _database_lost)
    api.add_exception_handler(Exception, _bug)


def _refused(request: HttpRequest, error: Any) -> HttpResponse:
    response = error_response(status=error.status, code=error.code, message=error.message, field=error.field)
    if error.retry_after is not None:
        response["Retry-After"] = str(error.retry_after)
    return response


def _invalid(request: HttpRequest, error: Any) -> HttpResponse:
    """The first fault of a request, by the name of its parameter."""
    first = error.errors[0]
    source, *names = (str(part) for part in first["loc"] if not isinstance(part, int))
    # A fault of the whole query or body stands under the name of our own argument, which callers know nothing of.
    is_of_all = not names or names == [source] or (source == "body" and len(names) == 1)
    field = None if is_of_all else names[-1]
    message = first["msg"].removeprefix(_VALUE_ERROR)
    return error_response(status=422, code="invalid_parameter", message=f"{field or source}: {message}", field=field)


def _http_error(request: HttpRequest, error: Any) -> HttpResponse:
    return error_response(status=error.status_code, code=_code(error.status_code), message=str(error))


def _beyond_limits(request: HttpRequest, error: Any) -> HttpResponse:
    """More parameters or a longer body than Django reads (`DATA_UPLOAD_MAX_…`): the caller's fault, not a defect of ours."""
    status, code = (413, "too_large") if isinstance(error, RequestDataTooBig) else (400, "bad_request")
    return error_response(status=status, code=code, message=str(error))


def _database_lost(request: HttpRequest, error: Any) -> HttpResponse:
    log.warning("Postgres did not answer a request: %s", error, extra={"action": "api_database_lost"})
    response = error_response(status=503, code="database_unavailable", message="the database does not answer, try again")
    response["Retry-After"] = "2"
    return response


def _bug(request: HttpRequest, error: Any) -> HttpResponse:
    log.error("Unexpected error on %s %s", request.method, request.path, exc_info=error, extra={"action": "api_bug"})
    return error_response(status=500, code="internal", message="unexpected error, it has been logged")


def _code(status: int) -> str:
    return HTTPStatus(status).phrase.lower().replace(" ", "_")


@sync_and_async_middleware
def json_errors(
    get_response: Callable[[HttpRequest], Any],
) -> Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]:
    """Middleware: errors that no endpoint made (no such path, wrong method, wrong host) take the one shape too."""
    if iscoroutinefunction(get_response):

        async def asynchronous(request: HttpRequest) -> HttpResponseBase:
            return _as_json(request, await get_response(request))

        return asynchronous

    def synchronous(request: HttpRequest) -> HttpResponseBase:
        return _as_json(request, get_response(request))

    return synchronous


def _as_json(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    is_json = response.headers.get("Content-Type", "").startswith("application/json")
    if response.status_code < 400 or is_json or request.path.startswith(HTML_PATHS):
        return response
    status = HTTPStatus(response.status_code)
    message = (
        f"no such address: {request.path}" if status == HTTPStatus.NOT_FOUND else f"{request.method}: {status.description}"
    )
    changed = error_response(status=status, code=_code(status), message=message)
    if "Allow" in response.headers:
        changed["Allow"] = response.headers["Allow"]
    return changed
