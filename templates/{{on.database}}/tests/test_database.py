"""The pool, its limits, and what happens when the database is not there."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from app_fixtures import client_of
from database_fixtures import connections_in_use, run_sql

from app import events
from app.database import Database, check, lifespan
from app.main import create_app
from app.main import lifespan as app_lifespan
from app.pool import Gate, ServerLimit, check_budget, pool_sizes
from app.settings import Settings


def changed(settings: Settings, **database: object) -> Settings:
    """The settings with other values for the database."""
    return settings.model_copy(update={"database": settings.database.model_copy(update=database)})


@asynccontextmanager
async def small(settings: Settings, **options: object) -> AsyncIterator[Database]:
    """A database with two connections and short times."""
    sizes = {"pool_size": 1, "max_overflow": 1, "pool_timeout": 0.2, **options}
    async with lifespan(changed(settings, **sizes)) as database:
        yield database


@pytest.mark.parametrize(
    ("workers", "expected"), [(1, (4, 2)), (2, (4, 2)), (3, (4, 0)), (6, (2, 0)), (99, (1, 0))]
)
def test_more_workers_share_the_same_connections(
    settings: Settings, workers: int, expected: tuple[int, int]
) -> None:
    planned = changed(settings, pool_size=4, max_overflow=2, connections_per_replica=12)
    server = settings.server.model_copy(update={"workers": workers})
    assert pool_sizes(planned.model_copy(update={"server": server})) == expected


async def test_those_who_wait_too_long_are_told(settings: Settings) -> None:
    app = create_app(changed(settings, pool_size=1, max_overflow=0, pool_timeout=0.1))

    @app.get("/busy")
    async def busy() -> None:
        async with database.read():
            """Nothing."""

    async with app_lifespan(app) as state, client_of(app, state) as client:
        database: Database = state["database"]
        async with database.read():
            response = await client.get("/busy")
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"
        assert response.headers["content-type"] == "application/problem+json"
        assert (await client.get("/busy")).status_code == 200
        assert connections_in_use(database) == 0


async def test_the_queue_keeps_its_order() -> None:
    gate, order = Gate(1, 5), list[int]()

    async def take(number: int) -> None:
        for _ in range(3):
            async with gate:
                order.append(number)
                await asyncio.sleep(0)

    await asyncio.gather(*(take(number) for number in range(3)))
    assert order == [0, 1, 2] * 3


async def test_the_queue_tells_how_full_it_is() -> None:
    gate, told = Gate(1, 5), list[events.Event]()

    async def take() -> None:
        async with gate:
            pass

    events.listeners.append(told.append)
    try:
        async with gate:
            second = asyncio.create_task(take())
            await asyncio.sleep(0)
            gate.tell()
        await second
        gate.tell()
    finally:
        events.listeners.remove(told.append)
    assert [(event.name.rpartition("_")[2], event.value) for event in told] == [
        ("used", 1),
        ("allowed", 1),
        ("awaited", 1),
        ("used", 0),
        ("allowed", 1),
        ("awaited", 0),
    ]


async def test_no_connection_is_lost_to_cancelled_tasks(settings: Settings) -> None:
    async with small(settings) as database:

        async def work() -> None:
            async with database.transaction() as session:
                await run_sql(session, "SELECT 1")
                await asyncio.sleep(60)

        tasks = [asyncio.create_task(work()) for _ in range(4)]
        await asyncio.sleep(0.1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert connections_in_use(database) == 0
        await check(database)


async def test_slow_statements_are_logged(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with small(settings, slow_statement_ms=0) as database, database.read() as connection:
        await run_sql(connection, "SELECT 1")
    record = next(record for record in caplog.records if record.name == "app.database.slow")
    assert record.fields["statement"].startswith("SELECT")  # type: ignore[attr-defined]
    assert record.fields["duration_ms"] >= 0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("limit", "level"), [(ServerLimit(103, 3), "INFO"), (ServerLimit(100, 3), "WARNING")]
)
def test_the_budget_is_compared_with_the_server(
    settings: Settings, caplog: pytest.LogCaptureFixture, limit: ServerLimit, level: str
) -> None:
    with caplog.at_level(logging.INFO, logger="app.database"):
        check_budget(changed(settings, fleet_connections=100), limit)
    (record,) = caplog.records
    assert record.levelname == level
    assert f"{limit.connections} - 3 reserved" in record.message


def test_a_budget_that_does_not_fit_can_stop_the_start(settings: Settings) -> None:
    strict = changed(settings, fleet_connections=98, over_budget="refuse")
    with pytest.raises(SystemExit):
        check_budget(strict, ServerLimit(100, 3))
    check_budget(strict, ServerLimit(101, 3))


async def test_mistakes_of_ours_stay_errors(settings: Settings) -> None:
    app = create_app(settings)

    @app.get("/mistake")
    async def mistake() -> None:
        async with database.read() as connection:
            await run_sql(connection, "SELECT nothing FROM nowhere")

    async with app_lifespan(app) as state, client_of(app, state) as client:
        database: Database = state["database"]
        response = await client.get("/mistake")
        assert response.status_code == 500
        assert "nowhere" not in response.text
