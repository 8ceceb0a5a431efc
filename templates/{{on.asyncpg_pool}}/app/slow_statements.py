"""Tells of every statement, logs those that take long: the text, never its parameters."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from asyncpg import Connection
from asyncpg.connection import LoggedQuery

from app.events import called

logger = logging.getLogger("app.database.slow")

LONGEST_TEXT = 2000


def observer(threshold_ms: int) -> Callable[[Connection], Coroutine[Any, Any, None]]:
    """Prepare new connections: statements of `threshold_ms` milliseconds and more are logged."""

    def observe(query: LoggedQuery) -> None:
        error = type(query.exception).__name__ if query.exception else ""
        called("postgresql", query.elapsed, text=query.query, error=error)
        milliseconds = query.elapsed * 1000
        if milliseconds >= threshold_ms:
            fields = {
                "statement": query.query[:LONGEST_TEXT],
                "duration_ms": round(milliseconds, 1),
            }
            logger.warning("slow statement", extra={"fields": fields})

    async def prepare(connection: Connection) -> None:
        connection.add_query_logger(observe)

    return prepare
