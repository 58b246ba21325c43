"""What all read endpoints share."""

from typing import Any

import msgspec
from django.http import HttpResponse

from providers.api_errors import ApiError


def invalid(field: str, text: str) -> ApiError:
    """The error of a parameter that is wrong where it stands."""
    return ApiError(f"{field}: {text}", code="invalid_parameter", field=field)


def json(body: dict[str, Any]) -> HttpResponse:
    """An answer. A page of 10,000 rows through pydantic would take most of a second; tests hold the schemas instead."""
    return HttpResponse(msgspec.json.encode(body), content_type="application/json")
