"""Jobs: their definition, their arguments, and one attempt to run one."""

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from app import events
from app.logging import request_id
from app.queue import job
from app.queue.jobs import JOBS
from app.queue.running import Task, run

seen: list[Any] = []


@job(name="tests.record", timeout=5)
async def record(clients: dict[str, Any], *, item_id: UUID, times: int = 1) -> None:
    seen.append((clients["name"], item_id, times, request_id.get()))


@job(name="tests.endless", timeout=0.01)
async def endless(_clients: dict[str, Any]) -> None:
    await asyncio.Event().wait()


@pytest.fixture
def happened() -> Iterator[list[events.Event]]:
    seen.clear()
    told: list[events.Event] = []
    events.listeners.append(told.append)
    yield told
    events.listeners.remove(told.append)


async def test_a_job_gets_its_arguments_and_the_request_id(happened: list[events.Event]) -> None:
    item = uuid4()
    task = Task(record.name, record.dump({"item_id": item}), "request-1")
    await run({"name": "clients"}, task)
    assert seen == [("clients", item, 1, "request-1")]
    assert request_id.get() == ""
    (counted,) = [event for event in happened if event.name == "queue_jobs"]
    assert counted.labels == {"job": "tests.record", "outcome": "done"}


@pytest.mark.parametrize("arguments", [{}, {"item_id": "no"}, {"item_id": UUID(int=1), "x": 1}])
def test_wrong_arguments_are_refused_when_enqueued(arguments: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        record.dump(arguments)


async def test_a_job_that_takes_too_long_is_ended(happened: list[events.Event]) -> None:
    with pytest.raises(TimeoutError):
        await run({}, Task(endless.name, endless.dump({}), ""))
    (counted,) = [event for event in happened if event.name == "queue_jobs"]
    assert counted.labels["outcome"] == "failed"


def test_parameters_are_keyword_only() -> None:
    async def positional(clients: dict[str, Any], item_id: int) -> None: ...

    with pytest.raises(TypeError, match="item_id must be keyword-only"):
        job()(positional)


def test_names_are_unique() -> None:
    async def record(clients: dict[str, Any]) -> None: ...

    with pytest.raises(ValueError, match=r"tests\.record"):
        job(name="tests.record")(record)
    assert JOBS["tests.record"].timeout == 5
