"""What only a database server can show: time limits, lost connections, a server that is gone."""

import database_server
from app_fixtures import client_of
from database_fixtures import limit_of_server, run_sql
from fastapi import FastAPI
from pydantic import SecretStr
from test_database import changed

from app.database import Database
from app.main import create_app, lifespan
from app.settings import Settings


def with_query(settings: Settings) -> FastAPI:
    """An application that executes the statement of the query string."""
    app = create_app(settings)

    @app.get("/query")
    async def query(statement: str) -> None:
        async with app.state.database.read() as connection:
            await run_sql(connection, statement)

    return app


async def ask(app: FastAPI, *statements: str) -> list[int]:
    """The statuses of the requests for `statements`."""
    async with lifespan(app) as state, client_of(app, state) as client:
        app.state.database = state["database"]
        responses = [await client.get("/query", params={"statement": one}) for one in statements]
    return [response.status_code for response in responses]


async def test_a_statement_has_a_time_limit(settings: Settings) -> None:
    app = with_query(changed(settings, statement_timeout=0.2))
    assert await ask(app, database_server.SLEEP, "SELECT 1") == [503, 200]


async def test_a_lost_connection_is_replaced(settings: Settings) -> None:
    app = with_query(changed(settings, pool_size=1, max_overflow=0))
    statements = ["SELECT 1", database_server.END_SELF, "SELECT 1"]
    assert await ask(app, *statements) == [200, 503, 200]


async def test_a_server_that_is_gone(settings: Settings) -> None:
    app = with_query(changed(settings, url=SecretStr(database_server.NOWHERE)))
    assert await ask(app, "SELECT 1") == [503]
    async with lifespan(app) as state, client_of(app, state) as client:
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503


async def test_the_server_tells_its_limit(settings: Settings, database: Database) -> None:
    limit = await limit_of_server(settings)
    async with database.read() as connection:
        allowed = await run_sql(connection, database_server.LIMIT)
    assert limit is not None
    assert limit.connections == int(allowed)
    assert 0 <= limit.reserved < limit.connections
