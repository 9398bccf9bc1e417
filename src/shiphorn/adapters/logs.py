"""What a running service says of itself: a line a happening, for people or for programs, on standard error.

Facts go beside the words, as `extra` of a record: `key=value` in a text, keys of their own in JSON.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from contextvars import ContextVar
from typing import Any, TextIO

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The request that is being answered: whatever is logged meanwhile names it."""

_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


def set_up(kind: str, stream: TextIO | None = None) -> None:
    """Have everything logged as `text` or as `json`, what libraries say as well.

    Libraries only get to say what is wrong: httpx would log addresses with what is secret in them.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if kind == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in ("shiphorn", "uvicorn"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.handlers.clear()
        logger.propagate = True


class JsonLines(logging.Formatter):
    """A JSON object a line: time (UTC), level, logger, message, the facts, and a traceback as `error`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": f"{_time(record)}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        } | _facts(record)
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class TextLines(logging.Formatter):
    """`2026-03-01T12:00:00Z info message key=value`, with a traceback below."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, or several with a traceback."""
        facts = "".join(f" {name}={_word(value)}" for name, value in _facts(record).items())
        # What comes from outside must not make lines of its own.
        message = record.getMessage().replace("\n", " ").replace("\r", " ")
        line = f"{_time(record)}Z {record.levelname.lower()} {message}{facts}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _time(record: logging.LogRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    facts = {name: value for name, value in vars(record).items() if name not in _OF_EVERY_RECORD}
    asked = request_id.get()
    return facts | {"request": asked} if asked and "request" not in facts else facts


def _word(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and text and not set(text) & set(' "=') else json.dumps(text)
