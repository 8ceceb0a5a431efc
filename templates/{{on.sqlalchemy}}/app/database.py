"""The database: engine, transactions, and what clients see when it fails.

`Session` is for requests that write: one transaction, committed before the answer is sent, rolled
back on any exception. Reads take a connection only for their statement: `Database.fetch`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from sqlalchemy import CursorResult, Engine, Executable, Row, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    create_async_engine,
)
from sqlalchemy.orm.session import JoinTransactionMode
from sqlalchemy.util import greenlet_spawn

from app import dialect, driver, idle_connections, slow_statements
from app.after_commit import AfterCommit
from app.disconnect import ClientGoneError, has_left
from app.errors import ConflictError, UnavailableError, UnprocessableError, problem
from app.events import sampling
from app.failure import Failure
from app.pool import Gate, check_budget, pool_sizes

if TYPE_CHECKING:
    from app.settings import Settings

logger = logging.getLogger("app.database")


class Database:
    """The client of this process: an engine with its pool, and the queue in front of it."""

    join_mode: JoinTransactionMode = "rollback_only"

    def __init__(self, engine: AsyncEngine, gate: Gate) -> None:
        """`gate` lets as many tasks through as the engine's pool has connections."""
        self.engine = engine
        self._gate = gate
        self._reads = engine.execution_options(**dialect.READ)
        self._transactions = engine.execution_options(**dialect.TRANSACTION)
        self._snapshots = engine.execution_options(**dialect.SNAPSHOT)

    @asynccontextmanager
    async def _connect(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        async with self._gate:
            with reaching():
                connection = await engine.connect()
            try:
                yield connection
            finally:
                await connection.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed at the end, rolled back on any exception."""
        async with (
            self._connect(self._transactions) as connection,
            self._session(connection) as session,
            session.begin(),
        ):
            yield session

    async def fetch(
        self, statement: Executable, parameters: Mapping[str, object] | None = None
    ) -> Sequence[Row[Any]]:
        """All rows of one read, without a transaction and its two round trips."""
        async with self._gate:
            return await greenlet_spawn(_fetch, self._reads.sync_engine, statement, parameters)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for several reads; each statement stands alone."""
        async with self._connect(self._reads) as connection:
            yield connection

    @asynccontextmanager
    async def read_objects(self) -> AsyncIterator[AsyncSession]:
        """A session for reads that load related objects; each statement stands alone."""
        async with self.read() as connection, self._session(connection) as session:
            yield session

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """A read-only transaction that sees one state of the data for as long as it lasts."""
        async with self._connect(self._snapshots) as connection, connection.begin():
            yield connection

    def _session(self, connection: AsyncConnection) -> AsyncSession:
        return AsyncSession(
            connection, expire_on_commit=False, join_transaction_mode=self.join_mode
        )


def _fetch(
    engine: Engine, statement: Executable, parameters: Mapping[str, object] | None
) -> Sequence[Row[Any]]:
    # What `AsyncEngine` does in three hops between its event loop and SQLAlchemy's own code
    # (connect, execute, close) is one here: single reads take a third less time.
    with reaching():
        connection = engine.connect()
    with connection:
        return connection.execute(statement, parameters).all()


@contextmanager
def reaching() -> Iterator[None]:
    """Say that the database cannot be reached when connecting fails, however the driver says it."""
    try:
        yield
    except Exception as error:
        logger.warning("no database connection: %s: %s", type(error).__name__, error)
        raise UnavailableError("The database cannot be reached") from error


def create_engine(settings: "Settings", **options: object) -> AsyncEngine:
    """An engine for the settings' URL; `options` replace those of `app.driver`."""
    url = driver.url(settings.database.url.get_secret_value())
    engine = create_async_engine(url, **driver.options(settings) | options)
    dialect.install(engine)
    return engine


@asynccontextmanager
async def lifespan(settings: "Settings") -> AsyncIterator[Database]:
    """Open the pool (connections are opened when they are needed), close it at the end."""
    size, overflow = pool_sizes(settings)
    database = settings.database
    engine = create_engine(
        settings,
        **dialect.ENGINE,
        pool_size=size,
        max_overflow=overflow,
        pool_timeout=database.pool_timeout,
        pool_recycle=database.pool_recycle,
    )
    if database.pool_pre_ping:
        idle_connections.install(engine)
    slow_statements.install(engine, database.slow_statement_ms)
    gate = Gate(size + overflow, database.pool_timeout)
    try:
        with sampling(gate.tell):
            yield Database(engine, gate)
    finally:
        await engine.dispose()


async def check(database: Database) -> None:
    """Raise when the database does not answer."""
    await database.fetch(text("SELECT 1"))


def prepare(settings: "Settings") -> None:
    """Compare what this deployment may open with what the server allows, once per start."""
    asyncio.run(_check_server(settings))


async def _check_server(settings: "Settings") -> None:
    engine = create_engine(settings)
    try:
        async with engine.connect() as connection:
            limit = await dialect.server_limit(connection)
    except Exception as error:  # noqa: BLE001 - the service starts also while the database is down
        logger.warning("database not reached, budget not checked: %s", error)
    else:
        if limit is not None:
            check_budget(settings, limit)
    finally:
        await engine.dispose()


def install(app: FastAPI) -> None:
    """Answer failures of the database: 503 when trying again may help, 409 and 422 for data."""

    @app.exception_handler(DBAPIError)
    async def database_error(request: Request, error: DBAPIError) -> JSONResponse:
        match dialect.failure(error):
            case Failure.UNAVAILABLE:
                logger.warning("statement failed: %s", error.orig)
                return _unavailable()
            case Failure.DUPLICATE:
                return problem(HTTPStatus.CONFLICT, "A value that must be unique exists already")
            case Failure.REFERENCE:
                return problem(HTTPStatus.CONFLICT, "A referenced record does not exist")
        raise error

    async def broken(_request: Request, error: Exception) -> JSONResponse:
        logger.warning("connection broken: %s", error)
        return _unavailable()

    for kind in driver.BROKEN:
        app.add_exception_handler(kind, broken)


def _unavailable() -> JSONResponse:
    error = UnavailableError("The database did not complete the request")
    return problem(error.status, error.detail, headers=error.headers)


@contextmanager
def constraints(*, duplicate: str = "", reference: str = "") -> Iterator[None]:
    """Say in words what a violated constraint means: 409 for a duplicate, 422 for a reference."""
    try:
        yield
    except IntegrityError as error:
        match dialect.failure(error):
            case Failure.DUPLICATE if duplicate:
                raise ConflictError(duplicate) from error
            case Failure.REFERENCE if reference:
                raise UnprocessableError(reference) from error
        raise


async def affected(session: AsyncSession, statement: Executable) -> int:
    """Execute an UPDATE or DELETE; the number of rows that it matched."""
    # The objects of this session are not brought up to date: reads after it ask the database.
    result = await session.execute(statement, execution_options={"synchronize_session": False})
    return cast("CursorResult[Any]", result).rowcount


async def _session(request: Request, _after_commit: AfterCommit) -> AsyncIterator[AsyncSession]:
    database: Database = request.state.database
    async with database.transaction() as session:
        yield session
        if await has_left(request):
            raise ClientGoneError("The client closed the connection")


async def _database(request: Request) -> Database:
    database: Database = request.state.database
    return database


Session = Annotated[AsyncSession, Depends(_session, scope="function")]
"""The transaction of the request; never shared with other tasks."""

# With its scope, which FastAPI would otherwise work out anew for each request.
Reads = Annotated[Database, Depends(_database, scope="request")]
"""The database for requests that only read."""
