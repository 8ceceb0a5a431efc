"""The application, opened as the server opens it, and a client for it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient
from starlette.types import Receive, Scope, Send

from app.main import create_app, lifespan
from app.settings import Settings


@pytest.fixture(scope="session")
def settings() -> Settings:
    return Settings()


@pytest.fixture
async def app(settings: Settings) -> FastAPI:
    return create_app(settings)


@pytest.fixture
async def state(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    """The opened components, as the server hands them to every request."""
    async with lifespan(app) as opened:
        yield opened


def client_of(app: FastAPI, state: dict[str, Any]) -> AsyncClient:
    """A client of `app`, whose requests have `state`, as the server gives it to them."""

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "state": dict(state)}, receive, send)

    return AsyncClient(transport=ASGITransport(served), base_url="http://test")


@pytest.fixture
async def client(app: FastAPI, state: dict[str, Any]) -> AsyncIterator[AsyncClient]:
    async with client_of(app, state) as client:
        yield client
