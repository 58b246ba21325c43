"""What a vendor's refusal means: from status, headers and text to the error tree. Pure.

The text decides before the status, because vendors share few habits: 403 is a wrong key here and a plan's limit there, and
errors come with 200. Source: vendor_formats sections 1.4, 3 and 4 of this project's background papers (official
specifications and recorded bodies).
"""

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from marketdata_site.observability.redaction import redact
from providers.accounts import secrets_of
from providers.adapter import Account, HttpResponse, RateNews
from providers.errors import (
    AuthFailed,
    BadRequest,
    NotEntitled,
    PermanentError,
    ProviderError,
    Throttled,
    UnknownSymbol,
    VendorFault,
)
from providers.market.types import Micros, to_us

_TEXT_KEYS = (
    "error",
    "message",
    "detail",
    "errors",
    "msg",
    "reason",
    "title",
    "Error Message",
    "Information",
    "Note",
    "error_description",
)
_MESSAGE_LENGTH = 300
_LONGEST_WINDOW_S = 2 * 86_400
"""No limit's window is longer; a reset further from the answer than that is no epoch of seconds: some vendors mean seconds left."""
_TEXT_BYTES = 8_192

_THROTTLED = re.compile(
    r"too many requests|rate.?limit|maximum requests|requests? limit|limit (?:has been )?(?:reached|exceeded)", re.I
)
_NOT_ENTITLED = re.compile(
    r"not entitled|subscription does not permit|not (?:included|available|covered) (?:in|on|by|under) your"
    r"|upgrade your (?:plan|subscription)"
    r"|before end of day|plan does(?:n't| not)|your plan|insufficient (?:subscription|scope)|agreement"
    r"|not permitted to (?:query|access)"
    r"|subscription (?:is )?(?:required|insufficient)|(?:don['\u2019]t|do not) have access",
    re.I,
)
_AUTH = re.compile(
    r"(?:unknown|invalid|missing|wrong|revoked|expired|disabled|no) (?:api )?(?:key|token|credential|secret)s?"
    r"|api.?key (?:was |is )?(?:not|invalid|missing|required)|unauthori[sz]ed|not authenticated|authentication"
    r"|access.?key|forbidden",
    re.I,
)
_SYMBOL = re.compile(
    r"(?:invalid|unknown|unsupported|no such) (?:symbol|ticker|asset|currency pair)"
    r"|(?:symbol|ticker|asset)s?\b[^.]{0,60}?(?:not found|does(?:n't| not) exist|not supported|is invalid)",
    re.I,
)
_SYMBOL_LIST = re.compile(
    r"(?:symbol|ticker|asset|pair)(?:s|\(s\))?(?: provided)?\s*[:=]?\s*(?:for\s+)?['\"\[]*([A-Za-z0-9./:_,\s^=-]+)", re.I
)
_RETRY_LATER = frozenset({408, 413, 425, 499})  # the official client of one vendor retries 413 and 499


def vendor_text(body: bytes) -> str:
    """What the vendor says in an error body of any shape: the text behind its usual keys, else the body's beginning. Not
    redacted."""
    try:
        said = _text_of(json.loads(body))
    except (ValueError, RecursionError):
        said = ""
    return said or " ".join(body[:_TEXT_BYTES].decode("utf-8-sig", errors="replace").split())


def _text_of(value: object) -> str:
    if isinstance(value, str):
        return value[:_TEXT_BYTES]
    if isinstance(value, list):
        return "; ".join(filter(None, (_text_of(item) for item in value[:3])))
    if isinstance(value, dict):
        return "; ".join(filter(None, (_text_of(value[key]) for key in _TEXT_KEYS if value.get(key))))
    return ""


def refusal(
    *,
    response: HttpResponse,
    account: Account,
    symbols: tuple[str, ...],
    forbidden: type[PermanentError],
) -> ProviderError:
    """The error that an answer other than a success means.

    `forbidden`: what this vendor's 403 means when its text says nothing; one that is a page is no word of the vendor's. An
    `UnknownSymbol` names those of `symbols` that the vendor named, all of them when only one was asked, none when it did not say
    which.
    """
    said = vendor_text(response.body)
    message = f"{account.provider} answered {response.status}: {shown_text(said, account)}"
    status = response.status
    if status == 429:
        return Throttled(message, status=status, retry_after=retry_after_s(response.headers))
    if status >= 500 or status in _RETRY_LATER or 300 <= status < 400:
        return VendorFault(message, status=status)
    is_page = said.startswith("<")  # of a proxy or a guard before the vendor, which speaks of itself and not of our key
    if is_page and status == 403:
        return VendorFault(message, status=status)
    by_text = None if is_page else _by_text(said, message, response, symbols)
    return by_text or _by_status(message, status, forbidden)


def shown_text(said: str, account: Account) -> str:
    """What a vendor says as a message may show it: redacted, then cut."""
    return redact(said, secrets=secrets_of(account))[:_MESSAGE_LENGTH] or "nothing"  # redacted before it is cut


def _by_text(said: str, message: str, response: HttpResponse, symbols: tuple[str, ...]) -> ProviderError | None:
    status = response.status
    if _THROTTLED.search(said):
        return Throttled(message, status=status, retry_after=retry_after_s(response.headers))
    if _NOT_ENTITLED.search(said):
        return NotEntitled(message, status=status)
    if status not in (401, 403) and _SYMBOL.search(said):
        return UnknownSymbol(message, symbols=named_symbols(said, asked=symbols), status=status)
    if _AUTH.search(said):
        return AuthFailed(message, status=status)
    return None


def _by_status(message: str, status: int, forbidden: type[PermanentError]) -> ProviderError:
    if status == 401:
        return AuthFailed(message, status=status)
    if status == 402:
        return NotEntitled(message, status=status)
    if status == 403:
        return forbidden(message, status=status)
    if status >= 400:
        return BadRequest(message, status=status)
    return VendorFault(message, status=status)  # a success by status that says it is none, and nothing we know


def named_symbols(said: str, *, asked: tuple[str, ...]) -> tuple[str, ...]:
    """Those of `asked` that a message about symbols names; the only one asked when it names none of them."""
    words = {word.rstrip(".") for part in _SYMBOL_LIST.findall(said) for word in re.split(r"[,\s\"'\[\]]+", part)}
    capitals = {word.upper() for word in words}
    exact = tuple(symbol for symbol in asked if symbol in words)  # tried first: ON, ALL and FOR are tickers too
    named = exact or tuple(symbol for symbol in asked if symbol.upper() in capitals)
    return named or (asked if len(asked) == 1 else ())


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that the vendor asks to wait, None when it does not say.

    `Retry-After` in seconds or as an HTTP date, else `X-RateLimit-Reset` (epoch seconds) where nothing remains. Dates are
    measured against the answer's own `Date`, never against our clock, which may be skewed.
    """
    said = headers.get("retry-after", "").strip()
    seconds = _finite(said)
    if seconds is None and (until := _http_date(said)) is not None:
        seconds = _since_answer(headers, until=until.timestamp())
    if seconds is None:
        seconds = _reset_in_s(headers)
    return None if seconds is None else max(0.0, seconds)


def rate_news_of(headers: Mapping[str, str]) -> RateNews | None:
    """What `X-RateLimit-Remaining` and `X-RateLimit-Reset` (epoch seconds) say, None unless both do."""
    left, seconds = _finite(headers.get("x-ratelimit-remaining", "")), _reset_in_s(headers)
    return None if left is None or seconds is None else RateNews(left=max(0, int(left)), resets_in_s=max(0.0, seconds))


def _reset_in_s(headers: Mapping[str, str]) -> float | None:
    reset = _finite(headers.get("x-ratelimit-reset", ""))
    seconds = None if reset is None else _since_answer(headers, until=reset)
    return None if seconds is None or abs(seconds) > _LONGEST_WINDOW_S else seconds


def vendor_time_us(headers: Mapping[str, str]) -> Micros | None:
    """The answer's `Date`, None when there is none to read."""
    moment = _http_date(headers.get("date", ""))
    return None if moment is None else to_us(moment)


def _since_answer(headers: Mapping[str, str], *, until: float) -> float | None:
    answered = _http_date(headers.get("date", ""))
    return None if answered is None else until - answered.timestamp()


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return moment if moment.tzinfo is not None else None


def _finite(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
