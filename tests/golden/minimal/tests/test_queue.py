"""Background work in the process: after the response, and only after a good one."""

from typing import Any

import pytest
from fastapi import FastAPI, HTTPException
from httpx2 import AsyncClient

from app.logging import request_id
from app.queue import Queue, job

ran: list[Any] = []


@job(name="tests.note")
async def note(clients: dict[str, Any], *, text: str) -> None:
    ran.append((text, request_id.get(), "clients" not in clients))
    if text == "broken":
        raise RuntimeError(text)


@pytest.fixture
def paths(app: FastAPI) -> None:
    ran.clear()

    @app.post("/notes/{text}")
    async def enqueue(text: str, queue: Queue) -> str:
        await queue.enqueue(note, text=text)
        if text == "refused":
            raise HTTPException(409)
        await queue.enqueue(note, text="second")
        return text


@pytest.mark.usefixtures("paths")
async def test_jobs_run_with_the_id_of_their_request(client: AsyncClient) -> None:
    response = await client.post("/notes/hello")
    sent = response.headers["x-request-id"]
    assert ran == [("hello", sent, True), ("second", sent, True)]


@pytest.mark.usefixtures("paths")
async def test_a_failed_request_runs_nothing(client: AsyncClient) -> None:
    assert (await client.post("/notes/refused")).status_code == 409
    assert ran == []


@pytest.mark.usefixtures("paths")
async def test_a_failing_job_is_logged_and_others_run(
    client: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await client.post("/notes/broken")).status_code == 200
    assert [text for text, *_ in ran] == ["broken", "second"]
    assert "job failed: tests.note" in caplog.text
