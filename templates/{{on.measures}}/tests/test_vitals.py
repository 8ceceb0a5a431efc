"""What is looked at every second, told as events."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI
from httpx2 import AsyncClient

from app import events, vitals
from app.events import Event


@contextmanager
def told() -> Iterator[list[Event]]:
    """The events of the block."""
    found: list[Event] = []
    events.listeners.append(found.append)
    try:
        yield found
    finally:
        events.listeners.remove(found.append)


async def test_the_process_tells_how_it_is(app: FastAPI) -> None:
    with told() as found:
        async with app.router.lifespan_context(app):
            await asyncio.sleep(1.5 * vitals.PAUSE)
    values = {event.name: event.value for event in found}
    assert values["process_resident_memory_bytes"] > 1_000_000
    assert values["process_cpu_seconds"] >= 0
    assert values["event_loop_lag"] >= 0


async def test_requests_under_way_are_told(app: FastAPI, client: AsyncClient) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    @app.get("/tests/slow")
    async def slow() -> None:
        entered.set()
        await leave.wait()

    with told() as found:
        request = asyncio.ensure_future(client.get("/tests/slow"))
        await entered.wait()
        for tell in events.samplers:
            tell()
        leave.set()
        await request
    assert 1 in {event.value for event in found if event.name == "http_requests_in_flight"}


async def test_nobody_looks_after_the_end(app: FastAPI) -> None:
    before = list(events.samplers)
    async with app.router.lifespan_context(app):
        assert len(events.samplers) > len(before)
    assert events.samplers == before
