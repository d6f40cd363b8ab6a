"""Where log lines go: to stderr, each on one line, with nothing in it that could forge another."""

from __future__ import annotations

import logging
import re
import sys
from datetime import UTC, datetime
from functools import lru_cache

OF_LIBRARIES = ("flask_handoff", "flask_service")
# Nobody means to log a token; an exception's text may quote one all the same.
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){1,4}")


class OneLineFormatter(logging.Formatter):
    """Writes time, level, logger and message, with control characters and the like escaped.

    The time is UTC with milliseconds (RFC 3339). A traceback follows on lines of its own, each
    begun by a bar. Tokens are cut out.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        second, milliseconds = divmod(int(record.created * 1000), 1000)
        at = f"{_utc_second(second)}.{milliseconds:03}Z"
        line = _clean(f"{at} {record.levelname} {record.name} {record.getMessage()}")
        if not record.exc_info:
            return line
        traceback = self.formatException(record.exc_info).splitlines()
        return "\n  | ".join([line, *map(_clean, traceback)])


class StderrHandler(logging.Handler):
    """Writes to what is stderr at the moment, which a server or a test may replace."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line at once."""
        try:
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()
        except Exception:
            self.handleError(record)


def init_logs(*names: str) -> None:
    """Send the log lines of these loggers, of this package and of the library to stderr, once."""
    # Nothing below shows these; see "Optimization" in the HOWTO of logging.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = StderrHandler()
    handler.setFormatter(OneLineFormatter())
    for name in (*names, *OF_LIBRARIES):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        if not any(isinstance(each.formatter, OneLineFormatter) for each in logger.handlers):
            logger.addHandler(handler)


@lru_cache(1)  # a busy server writes many lines in a second
def _utc_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _clean(line: str) -> str:
    return escape(_JWT.sub("(cut)", line))


def escape(text: str) -> str:
    """Return the text with control characters, marks of direction and the like escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def utc_milliseconds(instant: datetime) -> str:
    """Write an aware instant in UTC, to the millisecond (RFC 3339)."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
