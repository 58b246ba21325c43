"""Log lines in two formats, text for people and JSON for programs. No secret stands in either, whoever wrote it into his message.

Both say on whose behalf a line was written (`log_context`). Redaction is done here, once for every handler: on the message with its
arguments, on tracebacks, on what was given as `extra`.
"""

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from marketdata_site.observability import log_context
from marketdata_site.observability.redaction import redact_extra, redact_log

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; the rest was given as `extra`."""


class Line(logging.Formatter):
    """The usual line, tracebacks included; ids stand at its end."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  the base class' name
        """The line without its traceback."""
        ids = "".join(f" {name}={text}" for name, text in log_context.ids().items())
        return super().formatMessage(record) + ids

    def format(self, record: logging.LogRecord) -> str:
        """As always, without secrets."""
        return redact_log(super().format(record))


class JsonLine(logging.Formatter):
    """One JSON object, on one line."""

    def __init__(self, *args: Any, role: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self._role = role

    def format(self, record: logging.LogRecord) -> str:
        """time, level, logger, message and role always; action, ids, exception and extra where there are any."""
        extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": redact_log(record.getMessage()),
            "action": redact_extra(extra.pop("action", None)),
            **{name: redact_log(text) for name, text in log_context.ids().items()},
            "role": self._role,
            "pid": record.process,
            "exception": self._exception(record),
            "extra": redact_extra(extra) if extra else None,
        }
        return json.dumps({name: value for name, value in line.items() if value is not None}, ensure_ascii=False)

    def _exception(self, record: logging.LogRecord) -> str | None:
        parts = [self.formatException(record.exc_info)] if record.exc_info and record.exc_info[0] else []
        if record.stack_info:
            parts.append(self.formatStack(record.stack_info))
        return redact_log("\n".join(parts)) if parts else None


class Console(logging.StreamHandler):  # type: ignore[type-arg]
    """Standard error. A record that can't be formatted is told without what it holds: the library would print its arguments."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the base class' name
        """Say which call is at fault; nothing when standard error itself is gone."""
        kind = sys.exc_info()[0] or Exception
        args = (record.name, record.pathname, record.lineno, kind.__name__)
        text = "a log record of %s (%s:%d) could not be written: %s"
        said = logging.LogRecord(__name__, logging.ERROR, record.pathname, record.lineno, text, args, None)
        try:
            self.stream.write(self.format(said) + self.terminator)
            self.flush()
        except (OSError, ValueError):
            return


def log_the_rest() -> None:
    """Let warnings and what ends a thread or the process go through the handlers too. For processes that serve, not for commands."""
    logging.captureWarnings(True)
    sys.excepthook = _died
    threading.excepthook = _thread_died


def _died(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    told = (kind, error, trace)
    logging.getLogger("uncaught").critical("the process ends: %s", kind.__name__, exc_info=told, extra={"action": "uncaught"})


def _thread_died(about: threading.ExceptHookArgs) -> None:
    if about.exc_type is SystemExit or about.exc_value is None:
        return
    name = about.thread.name if about.thread else "a thread"
    told = (about.exc_type, about.exc_value, about.exc_traceback)
    logging.getLogger("uncaught").error(
        "%s ended: %s", name, about.exc_type.__name__, exc_info=told, extra={"action": "uncaught"}
    )
