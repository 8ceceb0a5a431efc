"""Scheduled jobs: enqueued by the one process that runs `python -m app.worker schedule`."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime

from croniter import croniter

from app.queue.jobs import JOBS
from app.queue.running import Task

logger = logging.getLogger("app.queue")


async def enqueue_on_time(send: Callable[[Task], Awaitable[object]], stop: asyncio.Event) -> None:
    """Send each scheduled job when its time has come, until `stop`.

    Times are UTC. What falls into a time in which this process did not run is left out.
    """
    scheduled = [job for job in JOBS.values() if job.schedule]
    logger.info("scheduler started: %d scheduled jobs", len(scheduled))
    if not scheduled:
        await stop.wait()  # whoever ends is started again, for nothing
    moment = datetime.now(UTC)
    while not stop.is_set():
        times = {job.name: croniter(job.schedule, moment).get_next(datetime) for job in scheduled}
        moment = min(times.values())
        seconds = (moment - datetime.now(UTC)).total_seconds()
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)
            return
        for name in (name for name, time in times.items() if time == moment):
            key = f"{name}@{moment.isoformat()}"
            try:
                await send(Task(name, JOBS[name].dump({}), key, key))
            except Exception:
                logger.exception("scheduled job not enqueued: %s", name)
