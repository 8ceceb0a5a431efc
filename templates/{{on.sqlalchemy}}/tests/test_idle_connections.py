from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy import text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine

from app import idle_connections
from app.database import create_engine
from app.settings import Settings

Tested = list[DBAPIConnection]


@pytest.fixture
async def engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(settings, pool_size=1)
    idle_connections.install(engine)
    yield engine
    await engine.dispose()


@pytest.fixture
def tested(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> Tested:
    """The connections that were tested."""
    dialect, seen = engine.sync_engine.dialect, Tested()
    ping: Callable[[DBAPIConnection], bool] = dialect.do_ping

    def do_ping(connection: DBAPIConnection) -> bool:
        seen.append(connection)
        return ping(connection)

    monkeypatch.setattr(dialect, "do_ping", do_ping)
    return seen


async def used(engine: AsyncEngine) -> object:
    """Use the one connection of the pool; it is given back."""
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
        return (await connection.get_raw_connection()).driver_connection


async def test_a_connection_in_use_is_not_tested(engine: AsyncEngine, tested: Tested) -> None:
    assert await used(engine) is await used(engine)
    assert not tested


async def test_an_idle_connection_is_tested(
    engine: AsyncEngine, tested: Tested, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle_connections, "IDLE_SECONDS", 0)
    assert await used(engine) is await used(engine)
    assert len(tested) == 1


async def test_a_broken_connection_is_opened_anew(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle_connections, "IDLE_SECONDS", 0)
    dialect = engine.sync_engine.dialect
    first = await used(engine)

    def do_ping(_connection: DBAPIConnection) -> bool:
        raise dialect.loaded_dbapi.OperationalError("the server went away")

    monkeypatch.setattr(dialect, "do_ping", do_ping)
    assert await used(engine) is not first
