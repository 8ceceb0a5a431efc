"""The database: an asyncpg pool, transactions, and what clients see when it fails.

`Session` is for requests that write: one transaction, committed before the answer is sent, rolled
back on any exception. Reads take a connection only for their statement: `Database.read()`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias
from urllib.parse import urlsplit

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse

from app import slow_statements
from app.after_commit import AfterCommit
from app.disconnect import ClientGoneError, has_left
from app.errors import ConflictError, UnavailableError, UnprocessableError, problem
from app.events import sampling
from app.pool import Gate, ServerLimit, check_budget, pool_sizes

if TYPE_CHECKING:
    from app.settings import Settings

logger = logging.getLogger("app.database")

Connection: TypeAlias = PoolConnectionProxy
"""A connection of the pool."""

# https://www.postgresql.org/docs/current/errcodes-appendix.html
UNAVAILABLE_CLASSES = frozenset({"08", "40", "53", "55", "57"})
"""Connection lost, transaction rolled back, resources, object in use, operator intervention."""


class _Loan:
    """A connection for the length of a block.

    A class, because a generator in its place would cost each read a sixteenth of its time.
    """

    def __init__(self, pool: asyncpg.Pool, gate: Gate) -> None:
        self._pool = pool
        self._gate = gate

    async def __aenter__(self) -> Connection:
        await self._gate.__aenter__()
        try:
            self._connection: Connection = await self._pool.acquire()
        except BaseException as error:
            await self._gate.__aexit__()
            if not isinstance(error, Exception):
                raise
            logger.warning("no database connection: %s: %s", type(error).__name__, error)
            raise UnavailableError("The database cannot be reached") from error
        return self._connection

    async def __aexit__(self, *_exception: object) -> None:
        try:
            await self._pool.release(self._connection)
        finally:
            await self._gate.__aexit__()


class Database:
    """The client of this process: a pool of connections, and the queue in front of it."""

    def __init__(self, pool: asyncpg.Pool, gate: Gate) -> None:
        """`gate` lets as many tasks through as the pool may open connections."""
        self.pool = pool
        self._gate = gate

    def read(self) -> AbstractAsyncContextManager[Connection]:
        """A connection for single reads, without a transaction and its two round trips."""
        return _Loan(self.pool, self._gate)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One transaction: committed at the end, rolled back on any exception."""
        async with self.read() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """A read-only transaction that sees one state of the data for as long as it lasts."""
        async with (
            self.read() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield connection


def connect_options(settings: "Settings") -> dict[str, Any]:
    """Arguments of `asyncpg.connect` and `asyncpg.create_pool`."""
    database = settings.database
    limit, grace = database.statement_timeout, database.connect_timeout
    url = database.url.get_secret_value()
    return {
        # Whichever spelling of `postgresql://` was given.
        "dsn": urlsplit(url)._replace(scheme="postgresql").geturl(),
        "timeout": database.connect_timeout,
        # The server ends a statement by itself; this ends the wait for a server that is gone.
        "command_timeout": limit + grace if limit else None,
        "server_settings": {
            "application_name": database.application_name,
            "statement_timeout": f"{limit * 1000:.0f}",
        },
    }


@asynccontextmanager
async def lifespan(settings: "Settings") -> AsyncIterator[Database]:
    """Open the pool (connections are opened when they are needed), close it at the end."""
    size, overflow = pool_sizes(settings)
    database = settings.database
    pool = asyncpg.create_pool(
        **connect_options(settings),
        min_size=0,
        max_size=size + overflow,
        max_inactive_connection_lifetime=database.pool_recycle,
        init=slow_statements.observer(database.slow_statement_ms),
        reset=_reset,
    )
    gate = Gate(size + overflow, database.pool_timeout)
    async with pool:
        with sampling(gate.tell):
            yield Database(pool, gate)


async def _reset(connection: asyncpg.Connection) -> None:
    """Leave no transaction open; nothing else is changed, so asyncpg's own reset is not needed."""
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")


async def check(database: Database) -> None:
    """Raise when the database does not answer."""
    async with database.read() as connection:
        await connection.execute("SELECT 1")


async def server_limit(connection: asyncpg.Connection) -> ServerLimit:
    """The server's `max_connections` and what it keeps back from ordinary users."""
    rows = await connection.fetch(
        "SELECT name, setting::int AS setting FROM pg_settings WHERE name IN "
        "('max_connections', 'superuser_reserved_connections', 'reserved_connections')"
    )
    found = {row["name"]: row["setting"] for row in rows}
    limit = found.pop("max_connections")
    return ServerLimit(limit, sum(found.values()))


def prepare(settings: "Settings") -> None:
    """Compare what this deployment may open with what the server allows, once per start."""
    asyncio.run(_check_server(settings))


async def _check_server(settings: "Settings") -> None:
    try:
        connection = await asyncpg.connect(**connect_options(settings))
    except Exception as error:  # noqa: BLE001 - the service starts also while the database is down
        logger.warning("database not reached, budget not checked: %s", error)
        return
    try:
        limit = await server_limit(connection)
    finally:
        await connection.close()
    check_budget(settings, limit)


def install(app: FastAPI) -> None:
    """Answer failures of the database: 503 when trying again may help, 409 for data."""

    @app.exception_handler(asyncpg.PostgresError)
    async def database_error(_request: Request, error: asyncpg.PostgresError) -> JSONResponse:
        if (error.sqlstate or "")[:2] in UNAVAILABLE_CLASSES:
            logger.warning("statement failed: %s", error)
            return _unavailable()
        if isinstance(error, asyncpg.UniqueViolationError):
            return problem(HTTPStatus.CONFLICT, "A value that must be unique exists already")
        if isinstance(error, asyncpg.ForeignKeyViolationError):
            return problem(HTTPStatus.CONFLICT, "A referenced record does not exist")
        raise error

    @app.exception_handler(asyncpg.InterfaceError)
    async def interface_error(_request: Request, error: asyncpg.InterfaceError) -> JSONResponse:
        if "closed" not in str(error):
            raise error
        logger.warning("statement failed: %s", error)
        return _unavailable()

    @app.exception_handler(asyncpg.InternalClientError)
    async def broken(_request: Request, error: asyncpg.InternalClientError) -> JSONResponse:
        """The server went away while the driver was in the midst of something."""
        logger.warning("connection broken: %s", error)
        return _unavailable()


def _unavailable() -> JSONResponse:
    error = UnavailableError("The database did not complete the request")
    return problem(error.status, error.detail, headers=error.headers)


@contextmanager
def constraints(*, duplicate: str = "", reference: str = "") -> Iterator[None]:
    """Say in words what a violated constraint means: 409 for a duplicate, 422 for a reference."""
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        raise ConflictError(duplicate) from error
    except asyncpg.ForeignKeyViolationError as error:
        raise UnprocessableError(reference) from error


def affected(status: str) -> int:
    """The number of rows in the status that `execute` returns, such as `UPDATE 1`."""
    return int(status.rpartition(" ")[2])


async def _session(request: Request, _after_commit: AfterCommit) -> AsyncIterator[Connection]:
    database: Database = request.state.database
    async with database.transaction() as connection:
        yield connection
        if await has_left(request):
            raise ClientGoneError("The client closed the connection")


async def _database(request: Request) -> Database:
    database: Database = request.state.database
    return database


Session = Annotated[Connection, Depends(_session, scope="function")]
"""The transaction of the request; never shared with other tasks."""

# With its scope, which FastAPI would otherwise work out anew for each request.
Reads = Annotated[Database, Depends(_database, scope="request")]
"""The database for requests that only read."""
