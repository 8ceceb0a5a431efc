"""Calls to another service that is well, slow, failing, or gone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack

import pytest
import upstream
from upstream import Upstream

from app import http_client
from app.http_client import HttpClient, HttpClientSettings, UpstreamError
from app.logging import request_id
from app.outbound import Outbound

QUICK = HttpClientSettings(
    read_timeout=0.2, breaker_failures=3, breaker_seconds=0.2, max_per_service=5, retries=0
)


@pytest.fixture
async def other() -> AsyncIterator[Upstream]:
    async with upstream.running() as running:
        yield running


async def close(opening: asyncio.Task[Outbound]) -> None:
    await (await opening).aclose()


@pytest.fixture
async def opened() -> AsyncIterator[Callable[..., HttpClient]]:
    """Opens clients with settings of their own."""
    async with AsyncExitStack() as stack:

        def open_one(**values: float) -> HttpClient:
            limits = QUICK.model_copy(update=values)
            opening = http_client.open_outbound(limits)
            stack.push_async_callback(close, opening)
            return HttpClient(opening)

        yield open_one


Open = Callable[..., HttpClient]


async def test_connections_are_used_again(other: Upstream, opened: Open) -> None:
    http = opened()
    for _ in range(10):
        assert (await http.get(other.url)).status_code == 200
    assert other.connections == 1


async def test_the_request_id_goes_along(other: Upstream, opened: Open) -> None:
    token = request_id.set("request-1")
    try:
        await opened().get(other.url, headers={"X-Own": "1"})
    finally:
        request_id.reset(token)
    assert "x-request-id: request-1\r\n" in other.requests[0].lower()
    assert "x-own: 1\r\n" in other.requests[0].lower()


@pytest.mark.parametrize(
    ("method", "statuses", "sent"),
    [("GET", [503, 502], 3), ("GET", [500], 1), ("POST", [503], 1), ("PUT", [504], 2)],
)
async def test_only_what_may_be_repeated_is_repeated(
    other: Upstream, opened: Open, method: str, statuses: list[int], sent: int
) -> None:
    other.statuses = list(statuses)
    http = opened(retries=2)
    if len(statuses) == sent:
        with pytest.raises(UpstreamError):
            await http.request(method, other.url)
    else:
        assert (await http.request(method, other.url)).status_code == 200
    assert len(other.requests) == sent


async def test_other_answers_are_the_callers_business(other: Upstream, opened: Open) -> None:
    other.statuses = [404, 429]
    http = opened(retries=2)
    assert (await http.get(other.url)).status_code == 404
    assert (await http.get(other.url)).status_code == 429


async def test_retries_have_a_budget(other: Upstream, opened: Open) -> None:
    other.statuses = [503] * 1000
    http = opened(retries=1, breaker_failures=1000)
    for _ in range(50):
        with pytest.raises(UpstreamError):
            await http.get(other.url)
    assert 50 + 10 <= len(other.requests) <= 50 + 16


async def test_the_breaker_opens_tries_one_call_and_closes(other: Upstream, opened: Open) -> None:
    http = opened()
    other.answering.clear()
    for _ in range(3):
        with pytest.raises(UpstreamError, match="does not answer"):
            await http.get(other.url)
    with pytest.raises(UpstreamError, match="not called"):
        await http.get(other.url)
    assert len(other.requests) == 3

    await asyncio.sleep(0.25)
    calls = (http.get(other.url) for _ in range(5))
    assert all(isinstance(error, UpstreamError) for error in await _all(calls))
    assert len(other.requests) == 4

    other.answering.set()
    await asyncio.sleep(0.25)
    assert (await http.get(other.url)).status_code == 200
    answers = await _all(http.get(other.url) for _ in range(3))
    assert not any(isinstance(answer, Exception) for answer in answers)


async def test_a_stalled_service_does_not_use_up_the_client(other: Upstream, opened: Open) -> None:
    http = opened(read_timeout=5, max_per_service=5, breaker_failures=100, total_timeout=1)
    other.answering.clear()
    async with upstream.running() as healthy:
        stalled = [asyncio.ensure_future(http.get(other.url)) for _ in range(20)]
        async with asyncio.timeout(1):
            for _ in range(5):
                await other.arrived.acquire()
        await asyncio.sleep(0.1)
        assert len(other.requests) == 5
        healthy_url = healthy.url.replace("127.0.0.1", "localhost")
        assert (await http.get(healthy_url)).status_code == 200
        errors = await asyncio.gather(*stalled, return_exceptions=True)
    assert all(isinstance(error, UpstreamError) for error in errors)


async def test_nobody_listens(opened: Open) -> None:
    async with upstream.running() as gone:
        url = gone.url
    with pytest.raises(UpstreamError):
        await opened(retries=1).request("POST", url)


async def _all(calls: Iterable[Awaitable[object]]) -> list[object]:
    return list(await asyncio.gather(*calls, return_exceptions=True))


async def test_a_call_that_is_given_up_early_does_not_stop_the_opening(other: Upstream) -> None:
    opening = http_client.open_outbound(QUICK)
    first = asyncio.create_task(HttpClient(opening).get(other.url))
    await asyncio.sleep(0)
    first.cancel()
    try:
        assert (await HttpClient(opening).get(other.url)).status_code == 200
    finally:
        await close(opening)
