"""Enqueueing from a request: after its commit, so that a rolled-back request leaves no job."""

from typing import Annotated, Protocol
from uuid import uuid4

from fastapi import Depends, Request

from app.after_commit import AfterCommit, Deferred
from app.events import count
from app.logging import request_id
from app.queue.jobs import Job, P
from app.queue.running import Task


class Sender(Protocol):
    """Gives tasks to the broker."""

    async def send(self, task: Task, *, once: bool = False) -> bool:
        """Return when the broker has the task; `once`: false if it had one with this key before."""


class QueueClient:
    """Enqueues jobs for one request."""

    def __init__(self, sender: Sender, after_commit: Deferred) -> None:
        """Send through `sender`, when `after_commit` comes."""
        self._sender = sender
        self._after_commit = after_commit

    async def enqueue(self, job: Job[P], *args: P.args, **kwargs: P.kwargs) -> None:
        """Have a worker run `job`, once the request has been committed."""
        if args:
            raise TypeError("arguments of a job are passed by name")
        key = job.key or uuid4().hex
        task = Task(job.name, job.dump(kwargs), request_id.get(), key)
        self._after_commit(self._send, task, once=bool(job.key))

    async def _send(self, task: Task, *, once: bool) -> None:
        if await self._sender.send(task, once=once):
            count("queue_enqueued", job=task.job)
        else:
            count("queue_duplicates", job=task.job)


async def current_queue(request: Request, after_commit: AfterCommit) -> QueueClient:
    """The queue, for this request."""
    return QueueClient(request.state.clients["queue"], after_commit)


# With its scope, which FastAPI would otherwise work out anew for each request.
Queue = Annotated[QueueClient, Depends(current_queue, scope="request")]
"""The queue, as a dependency of a route."""
