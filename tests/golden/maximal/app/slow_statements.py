"""Tells of every statement, logs those that take long: the text, never its parameters."""

import logging
from time import perf_counter

from sqlalchemy import Connection, ExceptionContext, event
from sqlalchemy.ext.asyncio import AsyncEngine

from app.events import called

logger = logging.getLogger("app.database.slow")

LONGEST_TEXT = 2000
STARTED = "statement_started"


def install(engine: AsyncEngine, threshold_ms: int) -> None:
    """Log every statement of `engine` that takes at least `threshold_ms` milliseconds."""

    def before(connection: Connection, *_rest: object) -> None:
        connection.info[STARTED] = perf_counter()

    def after(connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        seconds = perf_counter() - connection.info[STARTED]
        called(connection.dialect.name, seconds, text=statement)
        milliseconds = seconds * 1000
        if milliseconds >= threshold_ms:
            fields = {"statement": statement[:LONGEST_TEXT], "duration_ms": round(milliseconds, 1)}
            logger.warning("slow statement", extra={"fields": fields})

    def failed(context: ExceptionContext) -> None:
        connection, statement = context.connection, context.statement
        if connection is None or statement is None:
            return
        seconds = perf_counter() - connection.info.get(STARTED, perf_counter())
        error = type(context.original_exception).__name__
        called(connection.dialect.name, seconds, text=statement, error=error)

    event.listen(engine.sync_engine, "before_cursor_execute", before)
    event.listen(engine.sync_engine, "after_cursor_execute", after)
    event.listen(engine.sync_engine, "handle_error", failed)
