"""Background work in the process that answers the request (FastAPI's BackgroundTasks).

A job starts after the response has been sent, and only when the request succeeded. It dies with its
process, is not tried again and takes time from other requests: for work that may be lost.
"""

import logging
from typing import Annotated

from fastapi import BackgroundTasks, Depends, Request

from app.events import count
from app.logging import request_id
from app.queue.jobs import Clients, Job, P
from app.queue.running import Task, run

logger = logging.getLogger("app.queue")


class QueueClient:
    """Enqueues jobs for one request."""

    def __init__(self, clients: Clients, tasks: BackgroundTasks) -> None:
        """Add to `tasks` of the request; jobs run with `clients`."""
        self._clients = clients
        self._tasks = tasks

    async def enqueue(self, job: Job[P], *args: P.args, **kwargs: P.kwargs) -> None:
        """Run `job` after the response, unless the request fails."""
        if args:
            raise TypeError("arguments of a job are passed by name")
        task = Task(job.name, job.dump(kwargs), request_id.get(), job.key)
        count("queue_enqueued", job=job.name)
        self._tasks.add_task(_run, self._clients, task)


async def _run(clients: Clients, task: Task) -> None:
    try:
        await run(clients, task)
    except Exception:
        # The response has been sent: nobody else can be told.
        logger.exception("job failed: %s", task.job)


async def current_queue(request: Request, tasks: BackgroundTasks) -> QueueClient:
    """The queue, for this request."""
    return QueueClient(request.state.clients, tasks)


# With its scope, which FastAPI would otherwise work out anew for each request.
Queue = Annotated[QueueClient, Depends(current_queue, scope="request")]
"""The queue, as a dependency of a route."""
