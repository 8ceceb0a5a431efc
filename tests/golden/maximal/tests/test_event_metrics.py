"""What the parts of the service tell, as `/metrics` shows it."""

import asyncio

from fastapi import FastAPI
from httpx2 import AsyncClient

from app import events
from app.settings import Settings


async def lines(client: AsyncClient) -> list[str]:
    """The samples of `/metrics`."""
    text = (await client.get("/metrics")).text
    return [line for line in text.splitlines() if not line.startswith("#")]


async def test_events_of_the_service_are_metrics(client: AsyncClient) -> None:
    events.count("queue_jobs", job="tests.one", outcome="done")
    events.count("queue_jobs", job="tests.one", outcome="done")
    events.gauge("queue_running", 3, job="tests.one")
    events.duration("queue_job", 0.07, job="tests.one")
    shown = await lines(client)
    assert 'queue_jobs_total{job="tests.one",outcome="done"} 2.0' in shown
    assert 'queue_running{job="tests.one"} 3.0' in shown
    assert 'queue_job_seconds_bucket{job="tests.one",le="0.05"} 0.0' in shown
    assert 'queue_job_seconds_bucket{job="tests.one",le="0.1"} 1.0' in shown


async def test_events_of_your_own_need_no_declaration(client: AsyncClient) -> None:
    events.count("tests_orders", country="FI")
    assert 'tests_orders_total{country="FI"} 1.0' in await lines(client)


async def test_nobody_counts_after_the_end(app: FastAPI, settings: Settings) -> None:
    before = list(events.listeners)
    async with app.router.lifespan_context(app):
        assert len(events.listeners) == len(before) + 1
    assert events.listeners == before
    assert app.state.settings is settings


async def test_refused_requests_are_counted(
    app: FastAPI, client: AsyncClient, settings: Settings
) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    @app.get("/tests/slow")
    async def slow() -> None:
        entered.set()
        await leave.wait()

    limit = settings.server.max_in_flight
    waiting = [asyncio.ensure_future(client.get("/tests/slow")) for _ in range(limit)]
    await entered.wait()
    await asyncio.sleep(0)
    refused = await client.get("/tests/slow")
    leave.set()
    await asyncio.gather(*waiting)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert "http_requests_shed_total 1.0" in await lines(client)
