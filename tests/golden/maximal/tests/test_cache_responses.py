"""Cached responses: who gets which, and what clients and proxies are told."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, FastAPI, Header, HTTPException, Query, Response
from httpx2 import ASGITransport, AsyncClient
from starlette.types import Receive, Scope, Send

from app.cache import CacheClient, CachedRoute, cache_response
from app.cache.routes import require_cached_routes

router = APIRouter(prefix="/things", route_class=CachedRoute)
calls: list[str] = []


@router.get("/{thing_id}")
@cache_response(ttl=60, tags=("thing:{thing_id}",), vary=("accept-language",))
async def thing(
    thing_id: int,
    response: Response,
    q: Annotated[list[str], Query(default_factory=list)],
    accept_language: Annotated[str, Header()] = "",
    authorization: Annotated[str, Header()] = "",
) -> dict[str, Any]:
    calls.append("thing")
    if thing_id == 404:
        raise HTTPException(404)
    if thing_id == 13:
        response.set_cookie("session", "secret")
    if thing_id == 14:
        response.headers["cache-control"] = "no-store"
    if thing_id == 15:
        response.headers["vary"] = "x-unknown"
    return {"id": thing_id, "q": q, "language": accept_language, "who": authorization}


@router.get("/{thing_id}/mine")
@cache_response(ttl=60, per_caller=True)
async def mine(thing_id: int, authorization: Annotated[str, Header()] = "") -> str:
    calls.append("mine")
    return f"{authorization} {thing_id}"


@pytest.fixture
async def client(cache: CacheClient) -> AsyncIterator[AsyncClient]:
    app = FastAPI()
    app.include_router(router)
    calls.clear()

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "state": {"clients": {"cache": cache}}}, receive, send)

    async with AsyncClient(transport=ASGITransport(served), base_url="http://test") as client:
        yield client


async def test_a_hit_does_not_run_the_route(client: AsyncClient) -> None:
    first, second = await client.get("/things/1"), await client.get("/things/1")
    assert calls == ["thing"]
    assert first.json() == second.json()
    assert "age" not in first.headers
    assert second.headers["age"] == "0"
    for response in (first, second):
        assert response.headers["cache-control"] == "public, max-age=60"
        assert response.headers["etag"] == first.headers["etag"]
        assert response.headers["content-type"] == "application/json"
        assert "accept-language" in response.headers["vary"]
        assert "authorization" in response.headers["vary"]


async def test_a_dropped_tag_drops_the_response(client: AsyncClient, cache: CacheClient) -> None:
    await client.get("/things/1")
    await client.get("/things/2")
    await cache.delete_tags("thing:1")
    await client.get("/things/1")
    await client.get("/things/2")
    assert len(calls) == 3


@pytest.mark.parametrize(
    ("one", "other", "runs"),
    [
        ("/things/1?q=a&r=b", "/things/1?r=b&q=a", 1),
        ("/things/1?q=a&q=b", "/things/1?q=b&q=a", 2),
        ("/things/1?q=a", "/things/1?q=b", 2),
        ("/things/1?q=", "/things/1", 2),
        ("/things/1", "/things/2", 2),
    ],
)
async def test_the_query_counts_and_its_order_of_names_does_not(
    client: AsyncClient, one: str, other: str, runs: int
) -> None:
    await client.get(one)
    await client.get(other)
    assert len(calls) == runs


async def test_declared_request_headers_count(client: AsyncClient) -> None:
    for language in ("de", "en", "de"):
        response = await client.get("/things/1", headers={"Accept-Language": language})
        assert response.json()["language"] == language
    assert len(calls) == 2


async def test_a_request_with_credentials_is_never_shared(client: AsyncClient) -> None:
    for who in ("ann", "bob", "bob"):
        response = await client.get("/things/1", headers={"Authorization": who})
        assert response.json()["who"] == who
        assert response.headers["cache-control"] == "private, no-cache"
    assert (await client.get("/things/1")).json()["who"] == ""
    assert (await client.get("/things/1", headers={"Authorization": "ann"})).json()["who"] == "ann"
    assert len(calls) == 5


async def test_per_caller_keeps_one_response_for_each(client: AsyncClient) -> None:
    for who in ("ann", "bob", "ann", "bob"):
        response = await client.get("/things/1/mine", headers={"Authorization": who})
        assert response.json() == f"{who} 1"
        assert response.headers["cache-control"] == "private, max-age=60"
    assert len(calls) == 2


async def test_a_known_version_is_not_sent_again(client: AsyncClient) -> None:
    tag = (await client.get("/things/1")).headers["etag"]
    for asked in (tag, f'"x", W/{tag}', "*"):
        response = await client.get("/things/1", headers={"If-None-Match": asked})
        assert response.status_code == 304
        assert response.content == b""
        assert response.headers["etag"] == tag
    assert (await client.get("/things/1", headers={"If-None-Match": '"x"'})).status_code == 200
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("directive", "runs"), [("no-store", 3), ("no-cache", 2), ("max-age=0", 2)]
)
async def test_the_client_may_ask_past_the_cache(
    client: AsyncClient, directive: str, runs: int
) -> None:
    """`no-store` leaves no trace; `no-cache` replaces what was stored."""
    await client.get("/things/1", headers={"Cache-Control": directive})
    await client.get("/things/1", headers={"Cache-Control": directive})
    await client.get("/things/1")
    assert len(calls) == runs


@pytest.mark.parametrize("path", ["/things/404", "/things/13", "/things/14", "/things/15"])
async def test_what_is_not_for_all_is_not_kept(client: AsyncClient, path: str) -> None:
    """Errors, cookies, `no-store`, and a `Vary` that the policy does not know."""
    await client.get(path)
    await client.get(path)
    assert len(calls) == 2


def test_a_policy_on_another_route_class_is_refused() -> None:
    plain = APIRouter()
    plain.get("/")(cache_response(ttl=1)(thing))
    app = FastAPI()
    app.include_router(plain)
    with pytest.raises(TypeError, match="route_class=CachedRoute"):
        require_cached_routes(app)
