"""Who is let in, and how far: one decision for the REST API, the WebSocket feed, /metrics and the live page.

Three things open the door, and nothing does by default: an API key (`ops.access`), a program on this machine (unless
MARKETDATA_TRUST_LOOPBACK is false, for a proxy on this machine that adds no header), a staff session. A key that is sent decides,
whatever else would have opened: it names the caller and bounds it.
Names that resolve to this machine from elsewhere (DNS rebinding) are ALLOWED_HOSTS' work.

What a caller may is its scope's matter, and a session's permissions'. Who is let in without a key may not yet change anything: a
browser sends requests for any page that it shows, from this machine and with its session. The REST API is exempt from Django's CSRF
middleware, because programs have no token; `guard` makes up for that.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv6Address, ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from ninja.utils import check_csrf

from marketdata_site.observability import clock
from ops.access.checking import KnownKey, key_check
from ops.access.scopes import SAFE, Scope, scope_of
from providers.api_errors import ApiError

PROXY_HEADERS = ("forwarded", "via", "x-real-ip", "x-forwarded-")
"""A request with a header that begins so came through a proxy: its peer is the proxy, which says nothing of the caller. Some send a port or
a prefix only, so no list of whole names would do."""
OPERATE = "providers.add_policyversion"
"""What staff needs beside its session for what asks for the scope `admin`."""
_BEARER = "bearer "


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who was let in, by which door. `user`: staff that nothing but its session lets in, so that its permissions count."""

    who: str
    scope: Scope = Scope.ADMIN
    key: KnownKey | None = None
    user: Any = None

    def may(self, permission: str) -> bool:
        """Sessions have permissions; keys are bounded by their scope, programs on this machine by nothing."""
        return self.user is None or bool(self.user.has_perm(permission))


LOCAL = Caller(who="a program on this machine")


def find_caller(*, peer: str | None, headers: Mapping[str, str], session: Callable[[], Any], now: datetime) -> Caller | None:
    """Who asks, None: nobody we know. `headers` are found in lower case; the session is looked up last, for it may cost a query.

    Raises: KeyRefused, TooManyBadKeys for a key that does not open.
    """
    key = key_in(headers)
    if key is not None:
        return key_caller(key, peer=peer, now=now)
    if settings.TRUST_LOOPBACK and is_loopback(direct_host(peer=peer, header_names=headers)):
        return LOCAL
    user = session()
    if user is not None and user.is_active and user.is_staff:
        return Caller(who=str(user.get_username()), user=user)
    return None


def key_caller(text: str, *, peer: str | None, now: datetime) -> Caller:
    """Who has this key. Raises: KeyRefused, TooManyBadKeys."""
    key = key_check.check(text, peer=peer or "", now=now)
    return Caller(who=str(key), scope=key.scope, key=key)


def key_in(headers: Mapping[str, str]) -> str | None:
    """The key of `Authorization: Bearer …`, else of `X-API-Key`; None where none is sent."""
    authorization = headers.get("authorization", "")
    if authorization.lower().startswith(_BEARER):
        return authorization[len(_BEARER) :].strip()
    return headers.get("x-api-key", "").strip() or None


def direct_host(*, peer: str | None, header_names: Iterable[str]) -> str | None:
    """The peer's address, None when a header (any case) shows that a proxy stands between."""
    return None if any(name.lower().startswith(PROXY_HEADERS) for name in header_names) else peer


def is_loopback(host: str | None) -> bool:
    """True for 127.0.0.0/8 and ::1, also when written as an IPv6-mapped IPv4 address; False for anything that is no address."""
    try:
        address = ip_address(host or "")
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback


def may_scrape(*, peer: str | None, header_names: Iterable[str]) -> bool:
    """True for a caller directly from one of MARKETDATA_METRICS_NETWORKS: it may read /metrics without a key."""
    try:
        address = ip_address(direct_host(peer=peer, header_names=header_names) or "")
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in settings.METRICS_NETWORKS)


def guard(request: HttpRequest) -> Caller | None:
    """Whether a request may be what it is: the scope of the table, and for those without a key that it is no other site's.

    Raises: ApiError: 401 and 429 for a bad key, 403 for what the caller may not.
    """
    caller = caller_of(request)
    needed = scope_of(method=request.method or "", path=request.path_info)
    if caller is None or needed is None:
        return caller
    require_scope(caller, needed)
    if request.method not in SAFE and caller.key is None:
        _refuse_other_sites(request, caller)
    if needed is Scope.ADMIN and not caller.may(OPERATE):
        raise forbidden(caller.who, OPERATE)
    return caller


def caller_of(request: HttpRequest) -> Caller | None:
    """`find_caller` for a Django request. Raises: KeyRefused, TooManyBadKeys."""
    passed = getattr(request, "auth", None)  # where ninja puts what `guard` answered
    if isinstance(passed, Caller):
        return passed
    return find_caller(
        peer=request.META.get("REMOTE_ADDR"),
        headers=request.headers,
        session=lambda: getattr(request, "user", None),
        now=clock.now(),
    )


def name_of(request: HttpRequest, caller: Caller) -> str:
    """How the records name who asks: the key, the user of the session, else the way in."""
    user = getattr(request, "user", None) if caller is LOCAL else None
    return caller.who if user is None or not user.is_authenticated else str(user.get_username())


def require_scope(caller: Caller, needed: Scope) -> None:
    """Raises: ApiError (403) that names both scopes."""
    if not caller.scope.includes(needed):
        text = f"{caller.who} has the scope {caller.scope}; this needs {needed}"
        raise ApiError(text, code="wrong_scope", status=403)


def forbidden(who: str, permission: str) -> ApiError:
    """403 that names what is missing."""
    return ApiError(f"{who} has not the permission {permission}", code="forbidden", status=403)


def _refuse_other_sites(request: HttpRequest, caller: Caller) -> None:
    if _is_of_another_site(request):
        raise ApiError("this request comes from a page of another site", code="csrf_failed", status=403)
    if caller.user is not None and check_csrf(request) is not None:
        raise ApiError("send the CSRF token of your session as X-CSRFToken", code="csrf_failed", status=403)


def _is_of_another_site(request: HttpRequest) -> bool:
    """Browsers say where a page that posts comes from, by both headers or by one; programs send neither."""
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site", "same-origin")
    ours = {f"{request.scheme}://{request.get_host()}", *settings.CSRF_TRUSTED_ORIGINS}
    return site not in {"same-origin", "none"} or (origin is not None and origin not in ours)
