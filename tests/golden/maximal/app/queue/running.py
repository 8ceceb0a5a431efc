"""One attempt to run a job, the same under every queue: time limit, request id, log, metrics."""

import asyncio
import logging
from collections.abc import Iterable
from contextvars import ContextVar
from itertools import islice
from time import perf_counter
from typing import NamedTuple

from app.events import count, duration, gauge
from app.logging import request_id
from app.queue.jobs import JOBS, Clients

logger = logging.getLogger("app.queue")

job_key: ContextVar[str] = ContextVar("job_key", default="")
"""The idempotency key of the job that runs."""

_running: dict[str, int] = {}


class Task(NamedTuple):
    """One job to do, as it travels through the queue."""

    job: str
    arguments: str
    """JSON."""
    request_id: str
    """The request that asked for it."""
    key: str = ""
    """The idempotency key: one for all runs of this task."""

    @classmethod
    def received(cls, values: Iterable[str]) -> "Task":
        """The task of a message; what a newer release of the service put behind it is left out."""
        return cls(*islice(values, len(cls._fields)))


async def run(clients: Clients, task: Task) -> None:
    """Run the job once; raises what it raises, TimeoutError when its time is over."""
    job = JOBS[task.job]
    token, key = request_id.set(task.request_id), job_key.set(task.key)
    started, outcome = perf_counter(), "failed"
    _count_running(job.name, 1)
    try:
        async with asyncio.timeout(job.timeout):
            await job(clients, **job.load(task.arguments))
        outcome = "done"
    except asyncio.CancelledError:
        outcome = "cancelled"
        raise
    finally:
        seconds = perf_counter() - started
        _count_running(job.name, -1)
        count("queue_jobs", job=job.name, outcome=outcome)
        duration("queue_job", seconds, job=job.name)
        fields = {"job": job.name, "outcome": outcome, "duration_ms": round(seconds * 1000, 3)}
        logger.info("job", extra={"fields": fields})
        request_id.reset(token)
        job_key.reset(key)


def _count_running(name: str, change: int) -> None:
    _running[name] = _running.get(name, 0) + change
    gauge("queue_running", _running[name], job=name)
