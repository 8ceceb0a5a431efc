"""Transactions: what a failed request leaves, what runs after a commit."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest
from app_fixtures import client_of
from database_fixtures import connections_in_use, run_sql
from fastapi import FastAPI

from app.after_commit import AfterCommit
from app.database import Database, Session
from app.errors import ConflictError
from app.main import create_app, lifespan
from app.settings import Settings

calls: list[str] = []


INSERT = """
    INSERT INTO products (sku, name, category, price_cents, review_count, version, created_at,
                          updated_at)
    VALUES ('a', 'a', 'a', 1, 0, 1, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)
"""


async def stored(database: Database) -> int:
    async with database.read() as connection:
        count: int = await run_sql(connection, "SELECT count(*) FROM products")
        return count


async def succeed() -> None:
    """The request goes well."""


async def crash() -> None:
    raise RuntimeError


async def refuse() -> None:
    raise ConflictError("no")


async def hang() -> None:
    await asyncio.sleep(60)


Write = Callable[[Session, AfterCommit], Awaitable[None]]


def writing(ending: Callable[[], Awaitable[None]]) -> Write:
    async def write(session: Session, after_commit: AfterCommit) -> None:
        await run_sql(session, INSERT)
        after_commit(note, "called")
        await ending()

    return write


async def note(text: str) -> None:
    calls.append(text)


@pytest.fixture
def app(committing: Settings) -> FastAPI:
    return with_writers(committing)


@pytest.fixture
def impatient_app(committing: Settings) -> FastAPI:
    server = committing.server.model_copy(update={"request_timeout": 0.5})
    return with_writers(committing.model_copy(update={"server": server}))


def with_writers(settings: Settings) -> FastAPI:
    calls.clear()
    app = create_app(settings)
    for ending in (succeed, crash, refuse, hang):
        app.add_api_route(f"/{ending.__name__}", writing(ending), methods=["POST"])
    return app


@pytest.mark.parametrize(
    ("path", "status", "rows"),
    [("/succeed", 200, 1), ("/crash", 500, 0), ("/refuse", 409, 0)],
)
async def test_only_success_is_committed(app: FastAPI, path: str, status: int, rows: int) -> None:
    await answers_and_leaves(app, path, status, rows)


async def test_what_takes_too_long_is_not_committed(impatient_app: FastAPI) -> None:
    await answers_and_leaves(impatient_app, "/hang", 504, 0)


async def answers_and_leaves(app: FastAPI, path: str, status: int, rows: int) -> None:
    async with lifespan(app) as state, client_of(app, state) as client:
        response = await client.post(path)
        assert response.status_code == status
        database: Database = state["database"]
        assert await stored(database) == rows
        assert len(calls) == rows
        assert connections_in_use(database) == 0


async def test_a_client_that_left_changes_nothing(app: FastAPI) -> None:
    messages: list[dict[str, object]] = [{"type": "http.request", "body": b""}]

    async def receive() -> dict[str, object]:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(_message: MutableMapping[str, Any]) -> None:
        """Nobody reads."""

    async with lifespan(app) as state:
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/succeed",
            "query_string": b"",
            "headers": [],
            "state": dict(state),
        }
        await app(scope, receive, send)
        assert await stored(state["database"]) == 0
        assert calls == []


@pytest.mark.usefixtures("failing_commits")
async def test_a_failed_commit_is_not_answered_with_success(app: FastAPI) -> None:
    async with lifespan(app) as state, client_of(app, state) as client:
        assert (await client.post("/succeed")).status_code == 500
        assert await stored(state["database"]) == 0
        assert calls == []
