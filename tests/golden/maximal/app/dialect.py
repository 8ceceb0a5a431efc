"""What is particular to PostgreSQL."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.failure import Failure
from app.pool import ServerLimit

# Connections of the pool are in autocommit mode, so that single reads need neither BEGIN nor ROLLBACK.
ENGINE: dict[str, Any] = {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}
READ: dict[str, Any] = {}
TRANSACTION: dict[str, Any] = {"isolation_level": "READ COMMITTED"}
SNAPSHOT: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

MIGRATION_LOCK = 0x66617374
"""Key of the advisory lock that migrations hold."""

# https://www.postgresql.org/docs/current/errcodes-appendix.html
STATES = {"23505": Failure.DUPLICATE, "23503": Failure.REFERENCE}
UNAVAILABLE_CLASSES = frozenset({"08", "40", "53", "55", "57"})
"""Connection lost, transaction rolled back, resources, object in use, operator intervention."""


def install(_engine: AsyncEngine) -> None:
    """Nothing has to be set on new connections."""


async def lock(connection: AsyncConnection) -> None:
    """Wait for the migration lock; the end of the transaction gives it back."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})


async def server_limit(connection: AsyncConnection) -> ServerLimit | None:
    """The server's `max_connections` and what it keeps back from ordinary users."""
    rows = await connection.execute(
        text(
            "SELECT name, setting::int AS setting FROM pg_settings WHERE name IN "
            "('max_connections', 'superuser_reserved_connections', 'reserved_connections')"
        )
    )
    found: dict[str, int] = {row.name: row.setting for row in rows}
    limit = found.pop("max_connections")
    return ServerLimit(limit, sum(found.values()))


def failure(error: DBAPIError) -> Failure | None:
    """What `error` means; None for a mistake of the service."""
    state: str | None = getattr(error.orig, "sqlstate", None)
    lost = error.connection_invalidated or (state is None and isinstance(error, OperationalError))
    if lost or (state or "")[:2] in UNAVAILABLE_CLASSES:
        return Failure.UNAVAILABLE
    return STATES.get(state or "")
