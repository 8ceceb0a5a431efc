"""A migrated database for the run; each test in a transaction that is rolled back."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import database_server
import pytest
from sqlalchemy import Connection, Executable, Row, event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.pool import QueuePool

from app import columns, dialect, models
from app.database import Database, create_engine
from app.migrate import migrate
from app.pool import ServerLimit
from app.settings import Settings


@pytest.fixture(scope="session", autouse=True)
async def migrated(settings: Settings) -> AsyncIterator[None]:
    """Create the database, migrate it, drop it at the end."""
    if not database_server.SERVER:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing(database_server.MISSING)
    await database_server.create()
    try:
        await migrate(settings)
        yield
    finally:
        await database_server.drop()


class RolledBack(Database):
    """Everything over one connection, whose transaction nobody commits."""

    join_mode = "create_savepoint"

    def __init__(self, database: Database, connection: AsyncConnection) -> None:
        super().__init__(database.engine, database._gate)
        self._connection = connection
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def _connect(self, _engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        # Whoever asks for a second connection while it has one could wait for ever in production.
        async with asyncio.timeout(10), self._turn:
            yield self._connection

    async def fetch(
        self, statement: Executable, parameters: Mapping[str, object] | None = None
    ) -> Sequence[Row[Any]]:
        async with self.read() as connection:
            return (await connection.execute(statement, parameters)).all()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        async with self.read() as connection:
            yield connection


@pytest.fixture
async def state(state: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """The opened components, with a database that forgets what the test did."""
    opened: Database = state["database"]
    async with opened.engine.connect() as connection:
        await connection.execution_options(**dialect.TRANSACTION)
        transaction = await connection.begin()
        database = RolledBack(opened, connection)
        yield state | {"database": database, "clients": state["clients"] | {"database": database}}
        await transaction.rollback()


@pytest.fixture
def database(state: dict[str, Any]) -> Database:
    """The database as the application has it in this test."""
    client: Database = state["database"]
    return client


@pytest.fixture
def statements(database: Database) -> Iterator[list[str]]:
    """The SQL statements that were executed, in order; clear it to begin anew."""
    executed: list[str] = []

    def remember(_connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        if "SAVEPOINT" not in statement:
            executed.append(statement)

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", remember)
    yield executed
    event.remove(engine, "before_cursor_execute", remember)


@pytest.fixture
def failing_commits(committing: Settings) -> Iterator[None]:
    """Every COMMIT fails, as when the connection is lost at that moment."""

    def fail(_connection: Connection) -> None:
        raise ConnectionError("lost at the commit")

    event.listen(Connection, "commit", fail)
    yield
    event.remove(Connection, "commit", fail)


async def run_sql(connection: AsyncConnection | AsyncSession, statement: str) -> Any:  # noqa: ANN401 - of any type
    """Execute a statement; the first value of its first row."""
    result = await connection.execute(text(statement))
    return result.scalar() if result.returns_rows else None  # type: ignore[attr-defined]


async def limit_of_server(settings: Settings) -> ServerLimit | None:
    """What the service believes that the server allows."""
    engine = create_engine(settings)
    async with engine.connect() as connection:
        limit = await dialect.server_limit(connection)
    await engine.dispose()
    return limit


def connections_in_use(database: Database) -> int:
    """How many connections are taken from the pool at the moment."""
    return cast("QueuePool", database.engine.pool).checkedout()


@pytest.fixture
async def committing(settings: Settings) -> AsyncIterator[Settings]:
    """For tests that need real commits: afterwards all tables are emptied."""
    yield settings
    columns.load_models()
    engine = create_engine(settings)
    async with engine.begin() as connection:
        for table in reversed(models.metadata.sorted_tables):
            await connection.execute(table.delete())
    await engine.dispose()
