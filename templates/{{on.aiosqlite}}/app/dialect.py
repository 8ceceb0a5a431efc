"""What is particular to SQLite: pragmas, and transactions that take the write lock at once."""

import sqlite3
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.failure import Failure
from app.pool import ServerLimit

BEGIN = "sqlite_begin"
ENGINE: dict[str, Any] = {}
READ: dict[str, Any] = {BEGIN: None}
TRANSACTION: dict[str, Any] = {BEGIN: "BEGIN IMMEDIATE"}
SNAPSHOT: dict[str, Any] = {BEGIN: "BEGIN"}

PRAGMAS = (
    "PRAGMA synchronous=NORMAL",  # safe with WAL; a power cut may undo the last transactions
    "PRAGMA foreign_keys=ON",
)

TRIES = 100
PAUSE = 0.02
"""Seconds between two tries."""

FAILURES = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: Failure.DUPLICATE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: Failure.DUPLICATE,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: Failure.REFERENCE,
    sqlite3.SQLITE_BUSY: Failure.UNAVAILABLE,
    sqlite3.SQLITE_LOCKED: Failure.UNAVAILABLE,
    sqlite3.SQLITE_CANTOPEN: Failure.UNAVAILABLE,
    sqlite3.SQLITE_FULL: Failure.UNAVAILABLE,
    sqlite3.SQLITE_IOERR: Failure.UNAVAILABLE,
}


def install(engine: AsyncEngine) -> None:
    """Set every new connection up, and begin transactions as SQLite needs them.

    A transaction that reads first and then writes fails at once when another one wrote in between;
    one that begins with `BEGIN IMMEDIATE` waits for its turn instead.
    """

    def connected(connection: DBAPIConnection, _record: object) -> None:
        connection.isolation_level = None  # the driver leaves BEGIN to us
        cursor = connection.cursor()
        write_ahead(cursor.execute)
        for pragma in PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    def begin(connection: Connection) -> None:
        statement = connection.get_execution_options().get(BEGIN, "BEGIN IMMEDIATE")
        if statement is not None:
            connection.exec_driver_sql(statement)

    event.listen(engine.sync_engine, "connect", connected)
    event.listen(engine.sync_engine, "begin", begin)


def write_ahead(execute: Callable[[str], object]) -> None:
    """Keep a log of writes (WAL), so that readers and the writer do not block each other.

    The first connection of all changes the file. Where two are the first, SQLite refuses one at once,
    without the wait for a lock that other statements are given.
    """
    for left in reversed(range(TRIES)):
        try:
            execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if not left or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            time.sleep(PAUSE)


async def lock(_connection: AsyncConnection) -> None:
    """The transaction has the write lock already."""


async def server_limit(_connection: AsyncConnection) -> ServerLimit | None:
    """A file has no limit of connections."""
    return None


def failure(error: DBAPIError) -> Failure | None:
    """What `error` means; None for a mistake of the service."""
    code: int = getattr(error.orig, "sqlite_errorcode", 0)
    # Extended result codes carry the primary one in their low byte.
    return FAILURES.get(code) or FAILURES.get(code & 0xFF)
