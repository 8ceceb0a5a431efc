"""Logs statements that take long: the statement's text, never its parameters."""

import logging
from time import perf_counter

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine

logger = logging.getLogger("app.database.slow")

LONGEST_TEXT = 2000
STARTED = "statement_started"


def install(engine: AsyncEngine, threshold_ms: int) -> None:
    """Log every statement of `engine` that takes at least `threshold_ms` milliseconds."""

    def before(connection: Connection, *_rest: object) -> None:
        connection.info[STARTED] = perf_counter()

    def after(connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        milliseconds = (perf_counter() - connection.info[STARTED]) * 1000
        if milliseconds >= threshold_ms:
            fields = {"statement": statement[:LONGEST_TEXT], "duration_ms": round(milliseconds, 1)}
            logger.warning("slow statement", extra={"fields": fields})

    event.listen(engine.sync_engine, "before_cursor_execute", before)
    event.listen(engine.sync_engine, "after_cursor_execute", after)
