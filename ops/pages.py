"""Pages outside of the admin."""

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ops.auth import guard
from providers.api_errors import ApiError


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """Bars as they come off the feed. For callers on this machine and for staff; others are asked to log in."""
    if not may_look(request):
        return redirect_to_login(request.get_full_path())
    return render(request, "live.html")


def may_look(request: HttpRequest) -> bool:
    """Of a page: whoever may not is asked to log in, for whatever reason."""
    try:
        return guard(request) is not None
    except ApiError:
        return False
