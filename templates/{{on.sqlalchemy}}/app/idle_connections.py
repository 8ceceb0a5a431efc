"""Connections that nobody used for a while are tested before they are used again.

SQLAlchemy's own test (`pool_pre_ping`) asks the server before every use. Under load that is a round
trip for each read, to learn what the read a moment ago has told already.
"""

from time import monotonic

from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

IDLE_SECONDS = 1.0
"""A server that restarts is away for longer, and breaks the connections in use in any case."""

RETURNED = "returned"


def install(engine: AsyncEngine) -> None:
    """Test the idle connections of `engine`; if one is broken, all are opened anew."""
    dialect = engine.sync_engine.dialect

    def returned(_connection: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        entry.info[RETURNED] = monotonic()

    def taken(
        connection: DBAPIConnection, entry: ConnectionPoolEntry, _proxy: PoolProxiedConnection
    ) -> None:
        since = entry.info.get(RETURNED)
        if since is None or monotonic() - since < IDLE_SECONDS:
            return
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error

    event.listen(engine.sync_engine, "checkin", returned)
    event.listen(engine.sync_engine, "checkout", taken)
