"""The one place where secrets are taken out of text: log lines, error messages, stored attempts.

Two nets. Literal: the credential values that the caller holds, as they are, percent-encoded or with JSON's escaped slashes, in
any case, wherever they occur (vendors echo keys in their error text). By name: values that stand behind a name which vendors
use for keys, for text whose secrets are not at hand. Our own API keys have a shape of their own and are found wherever they are; their
beginning, which is no secret, stays.

Log lines are written by whoever likes: for them every process remembers the secrets that it has read (`remember`), and everything that
a line holds goes through `redact_log` or `redact_extra`.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import quote, quote_plus

MASK = "REDACTED"
SHORTEST_REMEMBERED = 8
"""A shorter secret is a word like `demo`, which has a meaning of its own in log lines: it is hidden by name only."""

_NAMES = (
    r"(?:api[_-]?key|apikey|(?:access|refresh|id|auth)[_-]?token|token|client[_-]?secret|secret(?:[_-]?key)?|key"
    r"|passw(?:or)?d|pwd|crumb)"
)
_SHOWN = rf"(?!md_[0-9a-f]{{8}}_{MASK})"
"""A key of ours that is masked already: its beginning tells an operator which one it is."""
_IN_QUERY = re.compile(rf"(?i)(?<![\w-])({_NAMES})=(?:'{_SHOWN}[^']+'|\"{_SHOWN}[^\"]+\"|{_SHOWN}[^&\s\"'<>#]+)")
"""Python's and libpq's `password='a b'` too."""
_IN_JSON = re.compile(rf"(?i)((?P<q>[\"']){_NAMES}(?P=q)\s*:\s*)(?P<v>[\"']){_SHOWN}(?:(?!(?P=v))[^\\]|\\.)*(?P=v)")
_IN_ENVIRONMENT = re.compile(r"\b([A-Z][A-Z0-9_]*_(?:KEY|KEY_ID|SECRET|TOKEN|PASSWORD))=(\"[^\"]*\"|'[^']*'|[^\s&,;]+)")
_IN_HEADER = re.compile(
    r"(?i)\b(apca-api-(?:key-id|secret-key)|x-api-key|authorization)(['\"]?\s*[:=]\s*['\"]?)"
    rf"(?!(?:bearer\s+)?md_[0-9a-f]{{8}}_{MASK})(?:(bearer|basic|token)\s+)?[^\s'\",}}]+"
)
_IN_PROSE = re.compile(r"(?i)\b(api key as)\s+[^\s,;]+")  # how one vendor names a caller's key to him
_BEARER = re.compile(rf"(?i)\b(bearer|basic)\s+{_SHOWN}[\w.~+/=-]{{6,}}")
_USERINFO = re.compile(r"(://)[^/\s:@]*:[^/\s@]+@")
_OURS = re.compile(r"(md_[0-9a-f]{8}_)[\w-]{8,}", re.ASCII)
_SECRET_NAME = re.compile(rf"(?i)(?:^|[_-]){_NAMES}$|^(?:credentials?|authorization)$")
_remembered: frozenset[str] = frozenset()
_DEEPEST = 4
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"})


def redact(text: str, *, secrets: Iterable[str] = ()) -> str:
    """The text without the given secrets and without anything that stands where vendors put keys."""
    if literal := _literal(frozenset(secrets)):
        text = literal.sub(MASK, text)
    text = redact_our_keys(text)
    text = _IN_HEADER.sub(lambda m: f"{m[1]}{m[2]}{MASK}", text)
    text = _BEARER.sub(lambda m: f"{m[1]} {MASK}", text)
    text = _IN_PROSE.sub(lambda m: f"{m[1]} {MASK}", text)
    text = _IN_QUERY.sub(lambda m: f"{m[1]}={MASK}", text)
    text = _IN_ENVIRONMENT.sub(lambda m: f"{m[1]}={MASK}", text)
    text = _IN_JSON.sub(lambda m: f"{m[1]}{m['v']}{MASK}{m['v']}", text)
    return _USERINFO.sub(lambda m: f"{m[1]}{MASK}@", text)


def redact_our_keys(text: str) -> str:
    """The text without API keys of this service, and else as it is."""
    return _OURS.sub(lambda m: f"{m[1]}{MASK}", text)


def remember(secrets: Iterable[str]) -> None:
    """From now on no log line of this process holds these values, in whatever place and form."""
    global _remembered  # noqa: PLW0603  # the process', as its log is
    fresh = {secret.strip() for secret in secrets if len(secret.strip()) >= SHORTEST_REMEMBERED} - _remembered
    if fresh:
        _remembered = _remembered | fresh


def redact_log(text: str) -> str:
    """What a log line may show of a text."""
    return redact(text, secrets=_remembered)


def redact_extra(value: object, *, name: str = "", depth: int = 0) -> object:
    """What a log line may show of a value that was given by that name, as JSON knows values: secrets are masked by name, as
    remembered and by their shape, at any depth."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if name and _SECRET_NAME.search(name):
        return MASK
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {redact_log(str(key)): redact_extra(item, name=str(key), depth=depth + 1) for key, item in value.items()}
    if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
        return [redact_extra(item, depth=depth + 1) for item in value]
    return redact_log(str(value))


@lru_cache(maxsize=64)
def _literal(secrets: frozenset[str]) -> re.Pattern[str] | None:
    """Finds any form of any of them, the longest first; kept, for a process has few sets of secrets and many lines."""
    forms = {form for secret in secrets for form in _forms(secret.strip())}
    longest_first = sorted(forms, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE) if forms else None


def _forms(secret: str) -> set[str]:
    return {secret, quote(secret, safe=""), quote_plus(secret), secret.replace("/", r"\/")} - {""}


def redact_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """A copy whose credential headers are masked, names kept."""
    return {name: MASK if _is_secret(name) else redact(value) for name, value in headers.items()}


def _is_secret(header: str) -> bool:
    name = header.lower()
    return name in _SECRET_HEADERS or "key" in name or "secret" in name or "token" in name
