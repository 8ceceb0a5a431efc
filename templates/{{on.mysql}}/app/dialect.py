"""What is particular to MySQL and MariaDB."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.failure import Failure
from app.pool import DatabaseSettings, ServerLimit

# The server's own level, REPEATABLE READ, locks what a change reads and the gaps beside it: who stores
# a row and who counts such rows at the same time would end each other.
ENGINE: dict[str, Any] = {"isolation_level": "READ COMMITTED"}
# Changing the mode of a connection takes round trips: reads are transactions of one statement.
READ: dict[str, Any] = {}
TRANSACTION: dict[str, Any] = {}
SNAPSHOT: dict[str, Any] = {"isolation_level": "REPEATABLE READ"}

LOCK_SECONDS = 600
"""The longest that a migration waits for another one."""

# https://dev.mysql.com/doc/mysql-errors/8.0/en/ and https://mariadb.com/kb/en/mariadb-error-codes/
FAILURES = {
    1062: Failure.DUPLICATE,
    1451: Failure.REFERENCE,
    1452: Failure.REFERENCE,
    1040: Failure.UNAVAILABLE,  # too many connections
    1053: Failure.UNAVAILABLE,  # the server shuts down
    1203: Failure.UNAVAILABLE,  # too many connections of this user
    1205: Failure.UNAVAILABLE,  # waited too long for a lock
    1213: Failure.UNAVAILABLE,  # deadlock
    1290: Failure.UNAVAILABLE,  # read-only, as after a failover
    1317: Failure.UNAVAILABLE,  # interrupted
    1927: Failure.UNAVAILABLE,  # connection killed
    1969: Failure.UNAVAILABLE,  # MariaDB: time limit of a statement
    3024: Failure.UNAVAILABLE,  # MySQL: time limit of a statement
}
CLIENT_ERRORS = range(2000, 3000)
"""What the client library says: connection refused, gone away, lost."""


def session(database: DatabaseSettings) -> str:
    """The statement that sets a new connection up: time limit of statements, UTC, strictness.

    MariaDB and MySQL name and count the time limit differently; each skips the other's comment.
    """
    seconds = database.statement_timeout
    return (
        f"SET /*M! SESSION max_statement_time = {seconds:g}, */"
        f" /*!80000 SESSION max_execution_time = {seconds * 1000:.0f}, */"
        " SESSION time_zone = '+00:00', SESSION sql_mode = 'TRADITIONAL'"
    )


def install(_engine: AsyncEngine) -> None:
    """Connections are set up by `session`."""


async def lock(connection: AsyncConnection) -> None:
    """Wait for the migration lock; closing the connection gives it back."""
    statement = text("SELECT GET_LOCK('app-migrations', :seconds)")
    if (await connection.execute(statement, {"seconds": LOCK_SECONDS})).scalar_one() != 1:
        raise TimeoutError("another migration does not end")


async def server_limit(connection: AsyncConnection) -> ServerLimit | None:
    """The server's `max_connections`; the one for administrators comes on top of it."""
    limit = (await connection.execute(text("SELECT @@max_connections"))).scalar_one()
    return ServerLimit(limit, 0)


def failure(error: DBAPIError) -> Failure | None:
    """What `error` means; None for a mistake of the service."""
    arguments: tuple[Any, ...] = getattr(error.orig, "args", ())
    code = arguments[0] if arguments else None
    if error.connection_invalidated or code in CLIENT_ERRORS:
        return Failure.UNAVAILABLE
    return FAILURES.get(code) if isinstance(code, int) else None
