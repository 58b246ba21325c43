"""Log lines in both formats: what they hold, and that no secret gets into them by any way."""

import io
import json
import logging
import sys
from typing import Any

import pytest

from marketdata_site.observability import log_context, redaction
from marketdata_site.observability.log_lines import Console, JsonLine, Line
from marketdata_site.observability.redaction import MASK, redact_extra, redact_log, remember

SECRET = "hunter2-Key/9"
OUR_KEY = "md_0123abcd_" + "Ab-_" * 10 + "xyz"


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_remembered", frozenset())
    remember([SECRET, "demo"])


@pytest.fixture(params=["text", "json"])
def written(request: pytest.FixtureRequest) -> Any:
    """A logger of our handler in one of the formats, and what it has written."""
    stream = io.StringIO()
    handler = Console(stream)
    handler.setFormatter(Line("%(levelname)s %(name)s %(message)s") if request.param == "text" else JsonLine(role="web"))
    logger = logging.getLogger(f"tests.{request.param}")
    logger.propagate = False
    logger.handlers = [handler]
    logger.setLevel(logging.DEBUG)
    yield logger, stream.getvalue
    logger.handlers = []


def _in_traceback(logger: logging.Logger) -> None:
    try:
        try:
            raise ValueError(f"bad key {SECRET}")
        except ValueError as error:
            raise RuntimeError(f"https://x.io/a?apikey=unknown-one-1 and {OUR_KEY}") from error
    except RuntimeError:
        logger.exception("failed", stack_info=True)


WAYS = {
    "message": lambda log: log.info(f"the key is {SECRET} and {OUR_KEY} and token=unknown-one-1"),
    "arguments": lambda log: log.warning("GET %s by %r", f"https://u:unknown-one-1@x.io/?k={SECRET}", {"key": OUR_KEY}),
    "mapping": lambda log: log.info("by %(who)s", {"who": f"{SECRET} {OUR_KEY} password=unknown-one-1"}),
    "address": lambda log: log.info("at %s", f"https://x.io/a?apiKey=unknown-one-1&of={SECRET.replace('/', '%2F')}"),
    "traceback": _in_traceback,
    "extra": lambda log: log.info("x", extra={"action": SECRET, "of": {"a": [SECRET, OUR_KEY]}, "api_key": "unknown-one-1"}),
    "object": lambda log: log.info("x", extra={"error": ValueError(f"{SECRET} {OUR_KEY} api_key=unknown-one-1")}),
}


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("way", WAYS)
def test_no_secret_gets_into_a_line_by_any_way(written: Any, way: str) -> None:
    logger, text = written
    WAYS[way](logger)
    assert text().endswith("\n")
    for secret in (SECRET, SECRET.replace("/", "%2F"), OUR_KEY[12:], "unknown-one-1"):
        assert secret not in text()


@pytest.mark.usefixtures("known")
def test_record_that_cannot_be_formatted_is_told_by_its_place_and_shows_no_argument(
    written: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    logger, text = written
    handler = next(one for one in logger.handlers if isinstance(one, Console))
    handler.handle(logging.LogRecord("x", logging.INFO, __file__, 1, "%d jobs", (SECRET,), None))
    assert "could not be written: TypeError" in text()
    assert "test_log_lines.py" in text()
    assert SECRET not in text() + capsys.readouterr().err


def _line(**extra: Any) -> dict[str, Any]:
    record = logging.makeLogRecord({"name": "collector.store", "levelno": 20, "levelname": "INFO", "msg": "é\nx", **extra})
    text = JsonLine(role="worker").format(record)
    assert "\n" not in text
    return dict(json.loads(text))


def test_json_line_holds_what_the_record_says_and_nothing_else() -> None:
    with log_context.working_for(request_id="r-1", task_id="t-1", task=None):
        line = _line(created=1_763_650_800.25, action="stored", job_id=7, of={"a": (1, None, True)}, process=4)
    assert line == {
        "time": "2025-11-20T15:00:00.250Z",
        "level": "INFO",
        "logger": "collector.store",
        "message": "é\nx",
        "action": "stored",
        "request_id": "r-1",
        "task_id": "t-1",
        "role": "worker",
        "pid": 4,
        "extra": {"job_id": 7, "of": {"a": [1, None, True]}},
    }
    assert "request_id" not in _line()


def test_json_line_holds_the_whole_exception_on_one_line() -> None:
    try:
        raise KeyError("AAPL")
    except KeyError:
        line = _line(exc_info=sys.exc_info())
    assert line["exception"].startswith("Traceback (most recent call last):\n")
    assert line["exception"].endswith("KeyError: 'AAPL'")


def test_text_line_ends_with_the_ids_in_front_of_a_traceback() -> None:
    record = logging.LogRecord("x", logging.INFO, "x", 1, "done", (), (None, ValueError("why"), None))
    with log_context.working_for(request_id="r-1"):
        first, *rest = Line("%(message)s").format(record).splitlines()
    assert first == "done request_id=r-1"
    assert rest == ["ValueError: why"]


@pytest.mark.parametrize("told", ["", "a b", "a\nb", "-a", "x" * 101, "é", 'a"', None, 7, b"abc"])
def test_request_id_from_elsewhere_is_only_taken_when_it_is_well_formed(told: object) -> None:
    assert log_context.well_formed(told) is None
    assert log_context.well_formed("7f3a_B.c-1") == "7f3a_B.c-1"


@pytest.mark.usefixtures("known")
def test_short_secrets_are_words_and_hidden_by_name_only() -> None:
    assert redact_log("demo universe, api_key=demo") == f"demo universe, api_key={MASK}"


@pytest.mark.parametrize(
    "text",
    [
        "POLYGON_API_KEY=unknown-one-1",
        "ALPACA_API_SECRET_KEY='unknown one 1' is set",
        "{'api_key': 'unknown-one-1'}",
        '{"password": "unknown\\"one-1"}',
        "conninfo: host=x password=unknown-one-1 user=y",
        "refresh_token=unknown-one-1",
    ],
)
def test_redact_finds_secrets_of_settings_and_dumps_by_their_name(text: str) -> None:
    assert "one" not in redact_log(text).replace(MASK, "")


def test_extras_are_masked_by_name_at_any_depth_and_kept_otherwise() -> None:
    given = {"tokens": 3, "token": "abc", "headers": {"X-Api-Key": "abc", "Accept": "json"}, "keys": ["a"], "monkey": "b"}
    assert redact_extra(given) == {
        "tokens": 3,
        "token": MASK,
        "headers": {"X-Api-Key": MASK, "Accept": "json"},
        "keys": ["a"],
        "monkey": "b",
    }
