"""Logs: one line per event, JSON where machines read it, the same form for every logger."""

import logging
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from time import time
from typing import TYPE_CHECKING, Any, TextIO

from pydantic_core import to_json

if TYPE_CHECKING:
    from app.middleware import Exchange
    from app.settings import LogSettings

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that is being answered, empty outside of requests."""

context_fields: list[Callable[[], Mapping[str, str]]] = []
"""Called for every line, where it is written: fields that say to what it belongs."""

access_log = logging.getLogger("app.access")


def _moment(created: float) -> str:
    """ISO 8601 with milliseconds."""
    second = int(created)
    return f"{_second(second)}.{int((created - second) * 1000):03}+00:00"


@lru_cache(maxsize=1)
def _second(second: int) -> str:
    """To the second, which many lines share: to write it anew for each took a third of a line."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _event(created: float, level: str, logger: str, message: str) -> dict[str, Any]:
    """The fields that every line has."""
    event: dict[str, Any] = {
        "time": _moment(created),
        "level": level,
        "logger": logger,
        "message": message,
    }
    if current := request_id.get():
        event["request_id"] = current
    for fields in context_fields:
        event.update(fields())
    return event


def _of_record(record: logging.LogRecord) -> dict[str, Any]:
    """The fields of a record; `extra={"fields": {...}}` adds to them."""
    event = _event(record.created, record.levelname.lower(), record.name, record.getMessage())
    event.update(getattr(record, "fields", {}))
    if record.exc_info:
        event["exception"] = "".join(traceback.format_exception(*record.exc_info))
    return event


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON; values that JSON does not know become text."""
        return to_json(_of_record(record), fallback=str).decode()


class LineFormatter(logging.Formatter):
    """A line for people: time, level, message, then the other fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text; a traceback follows on lines of its own."""
        event = _of_record(record)
        time, level, message = event.pop("time")[11:23], event.pop("level"), event.pop("message")
        stack = event.pop("exception", "")
        fields = " ".join(f"{key}={value}" for key, value in event.items())
        return f"{time} {level:<7} {message}  {fields}\n{stack}".rstrip()


class JsonHandler(logging.StreamHandler[TextIO]):
    """JSON lines; `write` takes the fields of a line without a record around them."""

    def __init__(self, stream: TextIO) -> None:
        """Write to `stream`."""
        super().__init__(stream)
        self.setFormatter(JsonFormatter())

    def write(self, event: Mapping[str, Any]) -> None:
        """Write one line; lines of threads do not mix."""
        try:
            line = to_json(event, fallback=str).decode()
            with self.lock or nullcontext():
                self.stream.write(line + self.terminator)
                self.stream.flush()
        except Exception:  # noqa: BLE001 - a line that cannot be written fails no request
            self.handleError(logging.makeLogRecord({"msg": event}))


def configure_logging(settings: "LogSettings") -> None:
    """Send every logger, the server's included, to standard output in one form."""
    if settings.json_lines:
        handler: logging.Handler = JsonHandler(sys.stdout)
    else:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(LineFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level)


def log_request(exchange: "Exchange") -> None:
    """Write the access log's line of one request.

    `Logger.info` would walk the stack for the caller's file and line, which costs more than all the
    rest of the line; a record costs as much again, and is made where a handler of yours reads it.
    """
    if not access_log.isEnabledFor(logging.INFO):
        return
    fields = {
        "method": exchange.method,
        "route": exchange.route,
        "path": exchange.path,
        "status": exchange.status,
        "duration_ms": round(exchange.seconds * 1000, 3),
        "response_bytes": exchange.response_bytes,
    }
    match access_log.handlers or access_log.root.handlers:
        case [JsonHandler() as only]:
            only.write(_event(time(), "info", access_log.name, "request") | fields)
        case _:
            record = logging.LogRecord(access_log.name, logging.INFO, "", 0, "request", None, None)
            record.fields = fields
            access_log.callHandlers(record)
