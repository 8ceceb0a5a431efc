"""How routers become part of the application."""

from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from httpx2 import ASGITransport, AsyncClient

from app.api import include


async def number() -> int:
    return 1


async def read(number: Annotated[int, Depends(number)]) -> int:
    return number


async def greet(socket: WebSocket) -> None:
    await socket.accept()


@pytest.fixture(params=["routes alone", "a socket beside them", "a limit of the body", "routers"])
def router(request: pytest.FixtureRequest) -> APIRouter:
    router = APIRouter(prefix="/numbers")
    router.get("/one", response_model=int)(read)
    match request.param:
        case "a socket beside them":
            router.websocket("/socket")(greet)
        case "a limit of the body":
            router.post("/one", max_body_size=10)(read)
        case "routers":
            outer = APIRouter()
            outer.include_router(router)
            return outer
    return router


async def test_included_routes_answer_and_are_documented(router: APIRouter) -> None:
    app = FastAPI()
    include(app, router)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        assert (await client.get("/numbers/one")).text == "1"
        assert (await client.delete("/numbers/one")).status_code == 405
    assert "/numbers/one" in app.openapi()["paths"]


async def test_their_dependencies_are_overridden_in_one_application(router: APIRouter) -> None:
    app, other = FastAPI(), FastAPI()
    include(app, router)
    include(other, router)
    app.dependency_overrides[number] = lambda: 2
    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        assert (await client.get("/numbers/one")).text == "2"
    async with AsyncClient(transport=ASGITransport(other), base_url="http://test") as client:
        assert (await client.get("/numbers/one")).text == "1"
