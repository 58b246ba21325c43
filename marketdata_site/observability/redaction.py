"""The one place where secrets are taken out of text: log lines, error messages, stored attempts.

Two nets. Literal: the credential values that the caller holds, as they are, percent-encoded or with JSON's escaped slashes, in
any case, wherever they occur (vendors echo keys in their error text). By name: values that stand behind a name which vendors
use for keys, for text whose secrets are not at hand. Our own API keys have a shape of their own and are found wherever they are; their
beginning, which is no secret, stays where nothing else hides it.
"""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_plus

MASK = "REDACTED"

_NAMES = r"(?:api[_-]?key|apikey|access[_-]?token|token|client[_-]?secret|secret|key|password|crumb)"
_IN_QUERY = re.compile(rf"(?i)(?<![\w-])({_NAMES})=[^&\s\"'<>#]+")
_IN_JSON = re.compile(rf"(?i)(\"{_NAMES}\"\s*:\s*)\"[^\"]*\"")
_IN_HEADER = re.compile(
    r"(?i)\b(apca-api-(?:key-id|secret-key)|x-api-key|authorization)(['\"]?\s*[:=]\s*['\"]?)(?:(bearer|basic|token)\s+)?[^\s'\",}]+"
)
_IN_PROSE = re.compile(r"(?i)\b(api key as)\s+[^\s,;]+")  # how one vendor names a caller's key to him
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}")
_USERINFO = re.compile(r"(://)[^/\s:@]*:[^/\s@]+@")
_OURS = re.compile(r"(md_[0-9a-f]{8}_)[\w-]{8,}", re.ASCII)
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"})


def redact(text: str, *, secrets: Iterable[str] = ()) -> str:
    """The text without the given secrets and without anything that stands where vendors put keys."""
    if forms := {form for secret in secrets for form in _forms(secret.strip())}:
        longest_first = sorted(forms, key=len, reverse=True)
        text = re.sub("|".join(map(re.escape, longest_first)), MASK, text, flags=re.IGNORECASE)
    text = redact_our_keys(text)
    text = _IN_HEADER.sub(lambda m: f"{m[1]}{m[2]}{MASK}", text)
    text = _BEARER.sub(lambda m: f"{m[1]} {MASK}", text)
    text = _IN_PROSE.sub(lambda m: f"{m[1]} {MASK}", text)
    text = _IN_QUERY.sub(lambda m: f"{m[1]}={MASK}", text)
    text = _IN_JSON.sub(lambda m: f'{m[1]}"{MASK}"', text)
    return _USERINFO.sub(lambda m: f"{m[1]}{MASK}@", text)


def redact_our_keys(text: str) -> str:
    """The text without API keys of this service, and else as it is."""
    return _OURS.sub(lambda m: f"{m[1]}{MASK}", text)


def _forms(secret: str) -> set[str]:
    return {secret, quote(secret, safe=""), quote_plus(secret), secret.replace("/", r"\/")} - {""}


def redact_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """A copy whose credential headers are masked, names kept."""
    return {name: MASK if _is_secret(name) else redact(value) for name, value in headers.items()}


def _is_secret(header: str) -> bool:
    name = header.lower()
    return name in _SECRET_HEADERS or "key" in name or "secret" in name or "token" in name
