"""What Alpha Vantage's notices mean: they come with 200, and only their words tell a quota from a plan's limit or a wrong key. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from providers.adapter import Account
from providers.errors import AuthFailed, BadRequest, NotEntitled, ProviderError, Throttled, UnknownSymbol, VendorFault
from providers.refusals import shown_text

_NOTICES = ("Error Message", "Information", "Note", "message")
_PREMIUM = re.compile(r"\b(?:is|are) (?:a )?premium|premium feature|not entitled|entitlement", re.I)
_QUOTA = re.compile(
    r"rate limit|call (?:frequency|volume)|(?:calls?|requests?) per (?:second|minute|day)|spreading out|higher api"
    r"|burst pattern|slow down|limit your requests",
    re.I,
)
_KEY = re.compile(
    r"api.?key\W.{0,40}?(?:invalid|missing|incorrect)|invalid api.?key|claim your free api key|\bdemo\W+api key", re.I
)
_PLAN = re.compile(r"premium|subscri", re.I)
_OTHERWISE: Mapping[str, type[ProviderError]] = {"Error Message": BadRequest, "Note": Throttled}
_WAITS_S = {"second": 1.0, "minute": 60.0}


def is_notice(document: Mapping[str, Any]) -> bool:
    """Whether a body says something else than a series, even where it holds one."""
    return any(document.get(key) for key in _NOTICES)


def meaning_of(document: Mapping[str, Any], *, symbols: tuple[str, ...], account: Account) -> ProviderError:
    """The error that a notice is."""
    kind, said = next((key, str(document[key])) for key in _NOTICES if document.get(key))
    message = f"{account.provider} says {shown_text(said, account)}"
    if _QUOTA.search(said) and not _PREMIUM.search(said):
        return Throttled(message, status=200, retry_after=_wait_s(said))
    if kind == "Error Message" and "invalid api call" in said.lower():
        return UnknownSymbol(message, symbols=symbols, status=200)
    return _meaning(kind, said)(message, status=200)


def _meaning(kind: str, said: str) -> type[ProviderError]:
    if _PREMIUM.search(said):
        return NotEntitled
    if _KEY.search(said):
        return AuthFailed
    if kind in _OTHERWISE:
        return _OTHERWISE[kind]
    return NotEntitled if _PLAN.search(said) else VendorFault


def _wait_s(said: str) -> float | None:
    """The shortest period that a quota's words name; None for a day's, whose end the vendor does not tell."""
    return next((wait for word, wait in _WAITS_S.items() if re.search(rf"per {word}", said, re.I)), None)
