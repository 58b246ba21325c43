"""Who may read, and who may change how the service runs: one decision for the REST API, the WebSocket feed and the live page.

Until there are API keys three things open the door, and nothing does by default: a program on this machine (unless
MARKETDATA_TRUST_LOOPBACK is false, for a proxy on this machine that adds no header), a staff session, the shared secret.
Names that resolve to this machine from elsewhere (DNS rebinding) are ALLOWED_HOSTS' work.

Who may read may not yet change: a browser sends requests for any page that it shows, from this machine and with its session. The
REST API is exempt from Django's CSRF middleware, because programs have no token; `request_may_operate` makes up for that.
"""

import secrets
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest
from ninja.utils import check_csrf

from providers.api_errors import ApiError

PROXY_HEADERS = frozenset({"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"})
"""A request that carries one of them came through a proxy: its peer is the proxy, which says nothing of the caller."""
OPERATE = "providers.add_policyversion"
"""What staff needs beside its session to change what runs."""
_BEARER = "bearer "


def is_allowed(*, client_host: str | None, authorization: str | None, is_staff: bool) -> bool:
    """True for a caller on this machine, a staff session, or `Bearer <MARKETDATA_SHARED_SECRET>`.

    `client_host` is the peer's address as text, None when it is unknown or a proxy's (see `direct_host`).
    """
    return is_staff or (settings.TRUST_LOOPBACK and is_loopback(client_host)) or _has_secret(authorization)


def direct_host(*, peer: str | None, header_names: Iterable[str]) -> str | None:
    """The peer's address, None when a header (any case) shows that a proxy stands between."""
    return None if any(name.lower() in PROXY_HEADERS for name in header_names) else peer


def is_loopback(host: str | None) -> bool:
    """True for 127.0.0.0/8 and ::1, also when written as an IPv6-mapped IPv4 address; False for anything that is no address."""
    try:
        address = ip_address(host or "")
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback


def request_is_allowed(request: HttpRequest) -> bool:
    """`is_allowed` for a Django request."""
    user = getattr(request, "user", None)
    host = direct_host(peer=request.META.get("REMOTE_ADDR"), header_names=request.headers)
    # The session is looked up last: a caller on this machine costs no query.
    return is_allowed(client_host=host, authorization=request.headers.get("Authorization"), is_staff=False) or bool(
        user is not None and user.is_active and user.is_staff
    )


def request_may_change(request: HttpRequest) -> bool:
    """For requests that change something: the secret opens, this machine unless another site's page asks, staff with its CSRF token.

    What staff may change is not decided here. Raises: ApiError (403) for a page of another site or a missing token.
    """
    if _has_secret(request.headers.get("Authorization")):
        return True
    if not request_is_allowed(request):
        return False
    if _is_of_another_site(request):
        raise ApiError("this request comes from a page of another site", code="csrf_failed", status=403)
    if acts_as_staff(request) and check_csrf(request) is not None:
        raise ApiError("send the CSRF token of your session as X-CSRFToken", code="csrf_failed", status=403)
    return True


def request_may_operate(request: HttpRequest) -> bool:
    """`request_may_change` for what runs. Raises: ApiError (403) for staff without the permission to make policy versions."""
    if not request_may_change(request):
        return False
    if acts_as_staff(request) and not request.user.has_perm(OPERATE):
        raise forbidden(request.user.get_username(), OPERATE)
    return True


def acts_as_staff(request: HttpRequest) -> bool:
    """True where nothing but its session lets the caller in, so that its permissions count."""
    host = direct_host(peer=request.META.get("REMOTE_ADDR"), header_names=request.headers)
    return not is_allowed(client_host=host, authorization=request.headers.get("Authorization"), is_staff=False)


def forbidden(who: str, permission: str) -> ApiError:
    """403 that names what is missing."""
    return ApiError(f"{who} has not the permission {permission}", code="forbidden", status=403)


def caller(request: HttpRequest) -> str:
    """How the records name who asks: the user of the session, else the way in."""
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        return str(user.get_username())
    return "the shared secret" if _has_secret(request.headers.get("Authorization")) else "a program on this machine"


def _is_of_another_site(request: HttpRequest) -> bool:
    """Browsers say where a page that posts comes from, by both headers or by one; programs send neither."""
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site", "same-origin")
    ours = {f"{request.scheme}://{request.get_host()}", *settings.CSRF_TRUSTED_ORIGINS}
    return site not in {"same-origin", "none"} or (origin is not None and origin not in ours)


def _has_secret(authorization: str | None) -> bool:
    secret = settings.SHARED_SECRET
    if not secret or authorization is None or not authorization.lower().startswith(_BEARER):
        return False
    # Bytes: compare_digest takes ASCII text only.
    return secrets.compare_digest(authorization[len(_BEARER) :].strip().encode(), secret.encode())
