"""Attempts: a job that fails is tried again after a while, and at last counts as dead."""

import logging
from collections.abc import Awaitable, Callable
from random import SystemRandom

from pydantic import ValidationError

from app.events import count
from app.queue.jobs import JOBS, Clients
from app.queue.running import Task, run

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 300.0

logger = logging.getLogger("app.queue")
random = SystemRandom()


def pause_before(attempt: int) -> float:
    """Seconds before the attempt with this number (the first retry is 1).

    Doubling pauses, half of each at random, so that jobs which failed together do not come back
    together.
    """
    longest = min(FIRST_PAUSE * 2.0 ** (attempt - 1), LONGEST_PAUSE)
    return longest * random.uniform(0.5, 1)


async def perform(
    clients: Clients, task: Task, pause: Callable[[float], Awaitable[None]]
) -> Exception | None:
    """Run the job until it succeeds or its retries are used up; the error that made it dead."""
    error = await _attempts(clients, task, pause)
    if error is not None:
        count("queue_dead", job=task.job)
    return error


async def _attempts(
    clients: Clients, task: Task, pause: Callable[[float], Awaitable[None]]
) -> Exception | None:
    job = JOBS.get(task.job)
    if job is None:
        return LookupError(f"no job is named {task.job}")
    for attempt in range(1, job.retries + 2):
        try:
            await run(clients, task)
        except ValidationError as error:
            return error  # the arguments will not become better
        except Exception as error:
            logger.exception("attempt %d failed: %s", attempt, task.job)
            if attempt > job.retries:
                return error
            count("queue_retries", job=task.job)
            await pause(pause_before(attempt))
        else:
            return None
    return None


def describe(error: Exception) -> str:
    """The error in one line."""
    text = f"{type(error).__name__}: {error}".splitlines()
    return text[0][:500]
