"""The queue of the tests: a job runs after its request's commit, in the same process."""

from uuid import uuid4

import pytest
from fastapi import FastAPI, Request

from app.after_commit import AfterCommit, Deferred
from app.logging import request_id
from app.queue import enqueueing
from app.queue.jobs import Clients, Job, P
from app.queue.running import Task, run


class InlineQueue:
    """Stands for a queue whose workers are quick."""

    def __init__(self, clients: Clients, after_commit: Deferred) -> None:
        self._clients = clients
        self._after_commit = after_commit

    async def enqueue(self, job: Job[P], *_args: P.args, **kwargs: P.kwargs) -> None:
        key = job.key or uuid4().hex
        task = Task(job.name, job.dump(kwargs), request_id.get(), key)
        self._after_commit(run, self._clients, task)


async def inline_queue(request: Request, after_commit: AfterCommit) -> InlineQueue:
    return InlineQueue(request.state.clients, after_commit)


@pytest.fixture
async def app(app: FastAPI) -> FastAPI:
    app.dependency_overrides[enqueueing.current_queue] = inline_queue
    return app
