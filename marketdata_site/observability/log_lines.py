"""Log lines, in which no API key of ours stands, whoever wrote it into his address or message."""

import logging

from marketdata_site.observability.redaction import redact_our_keys


class Line(logging.Formatter):
    """The usual line, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        """As always, without keys."""
        return redact_our_keys(super().format(record))
