"""Where log lines go: to stderr, each on one line, with nothing in it that could forge another."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TextIO, cast

from flask.logging import wsgi_errors_stream

_LOGGERS = ("server1", "flask_handoff")


class OneLineFormatter(logging.Formatter):
    """Writes time, level, logger and message, with control characters and the like escaped.

    A traceback follows on lines of its own, each begun by a bar.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        instant = datetime.fromtimestamp(record.created, UTC)
        line = (
            f"{instant:%Y-%m-%dT%H:%M:%SZ} {record.levelname} {record.name} {record.getMessage()}"
        )
        traceback = self.formatException(record.exc_info) if record.exc_info else ""
        return "\n  | ".join(escape(each) for each in (line, *traceback.splitlines()))


def init_logs() -> None:
    """Send the log lines of SERVER1 and of the library to stderr, once."""
    handler = logging.StreamHandler(cast(TextIO, wsgi_errors_stream))
    handler.setFormatter(OneLineFormatter())
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        if not any(isinstance(each.formatter, OneLineFormatter) for each in logger.handlers):
            logger.addHandler(handler)


def escape(text: str) -> str:
    """Return the text with control characters, marks of direction and the like escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
