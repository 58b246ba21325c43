"""Pages outside of the admin."""

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ops.auth import request_is_allowed


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """Bars as they come off the feed. For callers on this machine and for staff; others are asked to log in."""
    if not request_is_allowed(request):
        return redirect_to_login(request.get_full_path())
    return render(request, "live.html")
