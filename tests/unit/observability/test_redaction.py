import logging
import sys

import pytest

from marketdata_site.observability.log_lines import Line
from marketdata_site.observability.redaction import MASK, redact, redact_headers


@pytest.mark.parametrize(
    "text",
    [
        "GET /v2/aggs?apiKey=hunter2key&limit=5",
        "https://x.io/a?token=hunter2key",
        "apikey=hunter2key",
        "Login(username='admin', password='hunter2key')",
        "host=db password='a hunter2key' user=market",
        'connect(secret_key="hunter2key")',
        '{"api_key": "hunter2key"}',
        "Authorization: Bearer hunter2key",
        "{'Authorization': 'Bearer hunter2key'}",
        "APCA-API-SECRET-KEY: hunter2key",
        "sent with Basic hunter2key",
        "postgres://user:hunter2key@host/db",
        "We have detected your API key as hunter2key, and our standard API rate limit is 25 requests per day.",
    ],
)
def test_redact_finds_a_key_by_where_it_stands_when_its_value_is_not_known(text: str) -> None:
    assert "hunter2key" not in redact(text)
    assert MASK in redact(text)


@pytest.mark.parametrize("shown", ["a/b+c d", "a%2Fb%2Bc%20d", "a%2Fb%2Bc+d"])
def test_redact_finds_a_known_value_anywhere_also_percent_encoded(shown: str) -> None:
    assert redact(f"your API key as {shown}, thanks", secrets=["a/b+c d"]) == f"your API key as {MASK}, thanks"


@pytest.mark.parametrize("shown", ["A/B+C D", r"a\/b+c d", "a%2fb%2bc%20d"])
def test_redact_finds_a_known_value_in_any_case_and_as_json_may_escape_it(shown: str) -> None:
    assert redact(f'{{"said": "{shown}"}}', secrets=["a/b+c d", "red"]) == f'{{"said": "{MASK}"}}'


def test_redact_hides_the_longer_secret_first_when_one_begins_with_another() -> None:
    assert redact("abcdef", secrets=["abc", "abcdef"]) == MASK


def test_redact_leaves_text_alone_when_there_is_nothing_to_hide() -> None:
    text = "page_token=QUFQTHw, symbols=AAPL, monkey=1, 429 too many requests"
    assert redact(text, secrets=["", "  "]) == text


def test_headers_are_masked_by_name_and_kept_otherwise() -> None:
    headers = {"Authorization": "Bearer x", "APCA-API-KEY-ID": "x", "Cookie": "x", "Accept": "text/html"}
    assert redact_headers(headers) == {"Authorization": MASK, "APCA-API-KEY-ID": MASK, "Cookie": MASK, "Accept": "text/html"}


OUR_KEY = "md_0123abcd_" + "Ab-_" * 10 + "xyz"


@pytest.mark.parametrize(
    "text",
    [
        "GET /bars?symbol=AAPL&md={}",
        'unexpected frame {{"op": "auth", "key": "{}"}}',
        "X-API-Key: {}",
        "/ws/feed/{}/",
        "key={}",
        "key='{}'",
        "it says b'{}'",
    ],
)
def test_our_own_keys_are_found_wherever_they_are(text: str) -> None:
    assert OUR_KEY[12:] not in redact(text.format(OUR_KEY))
    record = logging.LogRecord("x", logging.ERROR, "x", 1, "failed: %s", (text.format(OUR_KEY),), None)
    line = Line("%(levelname)s %(message)s").format(record)
    assert line == f"ERROR failed: {text.format('md_0123abcd_' + MASK)}"


def test_traceback_in_a_log_line_shows_no_key() -> None:
    try:
        raise ValueError(OUR_KEY)
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "x", 1, "failed", (), sys.exc_info())
    line = Line("%(message)s").format(record)
    assert OUR_KEY[12:] not in line
    assert "ValueError: md_0123abcd_REDACTED" in line
