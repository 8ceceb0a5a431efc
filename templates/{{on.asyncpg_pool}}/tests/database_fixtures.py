"""A migrated database for the run; each test in a transaction that is rolled back."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import database_server
import pytest
from asyncpg.connection import LoggedQuery
from asyncpg.transaction import Transaction

from app.database import Connection, Database, connect_options, server_limit
from app.migrate import upgrade
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
        await upgrade(settings)
        yield
    finally:
        await database_server.drop()


class RolledBack(Database):
    """Everything over one connection, whose transaction nobody commits."""

    def __init__(self, database: Database, connection: Connection) -> None:
        super().__init__(database.pool, database._gate)
        self.connection = connection
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        # Whoever asks for a second connection while it has one could wait for ever in production.
        async with asyncio.timeout(10), self._turn:
            yield self.connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        async with self.read() as connection:
            yield connection


@pytest.fixture
async def state(state: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """The opened components, with a database that forgets what the test did."""
    opened: Database = state["database"]
    async with opened.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        database = RolledBack(opened, connection)
        yield state | {"database": database, "clients": state["clients"] | {"database": database}}
        await transaction.rollback()


@pytest.fixture
def database(state: dict[str, Any]) -> RolledBack:
    """The database as the application has it in this test."""
    client: RolledBack = state["database"]
    return client


@pytest.fixture
def statements(database: RolledBack) -> Iterator[list[str]]:
    """The SQL statements that were executed, in order; clear it to begin anew."""
    executed: list[str] = []

    def remember(query: LoggedQuery) -> None:
        if "SAVEPOINT" not in query.query:
            executed.append(query.query.strip())

    with database.connection.query_logger(remember):
        yield executed


@pytest.fixture
async def committing(settings: Settings) -> AsyncIterator[Settings]:
    """For tests that need real commits: afterwards all tables are emptied."""
    yield settings
    connection = await asyncpg.connect(**connect_options(settings))
    names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    tables = {row["tablename"] for row in await connection.fetch(names)} - {"migrations"}
    await connection.execute(f"TRUNCATE {', '.join(sorted(tables))}")
    await connection.close()


@pytest.fixture
def failing_commits(committing: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every COMMIT fails, as when the connection is lost at that moment."""

    async def fail(_transaction: Transaction) -> None:
        raise ConnectionError("lost at the commit")

    # What leaving `async with connection.transaction()` calls.
    monkeypatch.setattr(Transaction, "_Transaction__commit", fail)


def connections_in_use(database: Database) -> int:
    """How many connections are taken from the pool at the moment."""
    return database.pool.get_size() - database.pool.get_idle_size()


async def run_sql(connection: Connection, statement: str) -> Any:  # noqa: ANN401 - of any type
    """Execute a statement; the first value of its first row."""
    return await connection.fetchval(statement)


async def limit_of_server(settings: Settings) -> ServerLimit:
    """What the service believes that the server allows."""
    connection = await asyncpg.connect(**connect_options(settings))
    try:
        return await server_limit(connection)
    finally:
        await connection.close()
