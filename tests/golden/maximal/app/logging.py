"""Logs: one line per event, JSON where machines read it, the same form for every logger."""

import logging
import sys
import traceback
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

if TYPE_CHECKING:
    from app.middleware import Exchange
    from app.settings import LogSettings

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that is being answered, empty outside of requests."""

context_fields: list[Callable[[], Mapping[str, str]]] = []
"""Called for every line, where it is written: fields that say to what it belongs."""

access_log = logging.getLogger("app.access")


def _event(record: logging.LogRecord) -> dict[str, Any]:
    """The fields of a record; `extra={"fields": {...}}` adds to them."""
    moment = datetime.fromtimestamp(record.created, UTC)
    event: dict[str, Any] = {
        "time": moment.isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage(),
    }
    if current := request_id.get():
        event["request_id"] = current
    for fields in context_fields:
        event.update(fields())
    event.update(getattr(record, "fields", {}))
    if record.exc_info:
        event["exception"] = "".join(traceback.format_exception(*record.exc_info))
    return event


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON; values that JSON does not know become text."""
        return to_json(_event(record), fallback=str).decode()


class LineFormatter(logging.Formatter):
    """A line for people: time, level, message, then the other fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text; a traceback follows on lines of its own."""
        event = _event(record)
        time, level, message = event.pop("time")[11:23], event.pop("level"), event.pop("message")
        stack = event.pop("exception", "")
        fields = " ".join(f"{key}={value}" for key, value in event.items())
        return f"{time} {level:<7} {message}  {fields}\n{stack}".rstrip()


def configure_logging(settings: "LogSettings") -> None:
    """Send every logger, the server's included, to standard output in one form."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter() if settings.json_lines else LineFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level)


def log_request(exchange: "Exchange") -> None:
    """Write the access log's line of one request.

    The record is made here and handed to the handlers: `Logger.info` would walk the stack for the
    caller's file and line, which costs more than all the rest of the line.
    """
    if not access_log.isEnabledFor(logging.INFO):
        return
    record = logging.LogRecord("app.access", logging.INFO, "", 0, "request", None, None)
    record.fields = {
        "method": exchange.method,
        "route": exchange.route,
        "path": exchange.path,
        "status": exchange.status,
        "duration_ms": round(exchange.seconds * 1000, 3),
        "response_bytes": exchange.response_bytes,
    }
    access_log.callHandlers(record)
