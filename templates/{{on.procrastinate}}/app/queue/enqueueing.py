"""Enqueueing from a request: in its transaction, so job and data are committed together or not at all."""

from typing import Annotated
from uuid import uuid4

from fastapi import Depends, Request
from sqlalchemy import text

from app.database import Session
from app.events import count
from app.logging import request_id
from app.queue.jobs import Job, P
from app.queue.running import Task
from app.queue.tasks import arguments_of

DEFER = text(
    "SELECT procrastinate_defer_jobs_v1(ARRAY[ROW("
    ":queue, :name, 0, NULL, :known, CAST(:arguments AS jsonb), NULL"
    ")::procrastinate_job_to_defer_v1])"
)
"""What procrastinate itself sends, over the connection of the request."""
TAKE_TURNS = text("SELECT pg_advisory_xact_lock(hashtextextended(:known, 0))")
"""Until the commit: whoever has the same key waits, and then sees the job."""
FIND = text("SELECT 1 FROM procrastinate_jobs WHERE queueing_lock = :known LIMIT 1")


class QueueClient:
    """Enqueues jobs for one request."""

    def __init__(self, session: Session, queue: str) -> None:
        """Insert jobs for `queue` through `session`."""
        self._session = session
        self._queue = queue

    async def enqueue(self, job: Job[P], *args: P.args, **kwargs: P.kwargs) -> None:
        """Have a worker run `job`, once the request has been committed."""
        if args:
            raise TypeError("arguments of a job are passed by name")
        key = job.key or uuid4().hex
        task = Task(job.name, job.dump(kwargs), request_id.get(), key)
        known = f"{job.name}:{job.key}" if job.key else None
        if known is not None and await self._is_known(known):
            count("queue_duplicates", job=job.name)
            return
        values = {"queue": self._queue, "name": job.name, "arguments": arguments_of(task)}
        await self._session.execute(DEFER, values | {"known": known})
        count("queue_enqueued", job=job.name)

    async def _is_known(self, known: str) -> bool:
        await self._session.execute(TAKE_TURNS, {"known": known})
        found = await self._session.execute(FIND, {"known": known})
        return found.first() is not None


async def current_queue(request: Request, session: Session) -> QueueClient:
    """The queue, for this request."""
    return QueueClient(session, request.app.state.settings.queue.name)


Queue = Annotated[QueueClient, Depends(current_queue, scope="function")]
"""The queue, as a dependency of a route; it opens the request's transaction."""
