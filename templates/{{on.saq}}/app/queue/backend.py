"""The queue: saq carries the jobs and tries them again; leases and dead letters are ours.

A job is done when its record is gone, so a worker that dies loses nothing: what it had is given to
another one. A job may therefore run twice; see `app.queue.job`.
"""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Self

from pydantic import ValidationError
from redis.exceptions import RedisError
from saq import Job, Status, Worker
from saq.types import Context

from app.events import count, gauge
from app.queue.attempts import describe, pause_before
from app.queue.broker import READ_SECONDS, JobQueue
from app.queue.jobs import JOBS, Clients
from app.queue.letters import Letter
from app.queue.running import Task, run
from app.queue.schedule import enqueue_on_time
from app.queue.stream_letters import StreamLetters

if TYPE_CHECKING:
    from app.settings import Settings

DEPTH_SECONDS = 15.0
"""How often a worker counts the waiting jobs."""
DUE_SECONDS = 1.0
"""How often a worker looks for jobs whose pause is over; the first pause is as long."""

logger = logging.getLogger("app.queue")
logging.getLogger("saq").setLevel(logging.WARNING)  # `run` logs each job already


class TaskSender:
    """Gives tasks to the broker; connects when it is first needed and after failures."""

    def __init__(self, settings: "Settings") -> None:
        """Send to the queue of `settings`."""
        self._timeout = settings.queue.timeout
        self.queue = JobQueue(settings.queue)

    async def send(self, task: Task, *, once: bool = False) -> bool:
        """Return when the broker has the task; `once`: false if it had one with this key before."""
        async with asyncio.timeout(self._timeout):
            return await self.queue.send(task, once=once)


@asynccontextmanager
async def lifespan(settings: "Settings") -> AsyncIterator[TaskSender]:
    """Yield the sender; the service also starts while the broker is down."""
    sender = TaskSender(settings)
    try:
        yield sender
    finally:
        await sender.queue.close()


async def check(sender: TaskSender) -> None:
    """Raise when the broker does not answer."""
    await sender.queue.redis.ping()


async def scheduling(settings: "Settings", stop: asyncio.Event) -> None:
    """Enqueue scheduled jobs until `stop`."""
    async with lifespan(settings) as sender:
        await enqueue_on_time(sender.send, stop)


class JobWorker(Worker[Context]):
    """The library's worker, which runs our jobs and never gives one up without a dead letter.

    The library counts the runs that a dying or stopping worker left as failures.
    """

    def __init__(self, queue: JobQueue, clients: Clients, settings: "Settings") -> None:
        """Run `settings.queue.concurrency` jobs at a time with `clients`."""
        super().__init__(
            queue,
            functions=[],
            concurrency=settings.queue.concurrency,
            shutdown_grace_period_s=math.ceil(settings.queue.stop_grace),
        )
        self.SIGNALS = []  # `app.worker` listens to them
        self._jobs = queue
        self._clients = clients
        self._settings = settings.queue
        self._letters = StreamLetters(queue.redis, settings.queue)

    async def upkeep(self) -> list[asyncio.Task[None]]:
        """What the worker does beside its jobs: enqueue those whose time has come, count them."""
        chores: list[tuple[float, Callable[[], Awaitable[object]]]] = [
            (DUE_SECONDS, self._jobs.schedule),
            (self._settings.redeliver_after / 3, self._jobs.sweep),
            (DEPTH_SECONDS, self._count),
        ]
        return [asyncio.create_task(self._every(*chore)) for chore in chores]

    async def _every(self, seconds: float, chore: Callable[[], Awaitable[object]]) -> None:
        while not self.event.is_set():
            try:
                await chore()
            except Exception as error:  # noqa: BLE001 - whatever the client library raises
                logger.warning("broker lost, trying anew: %s: %s", type(error).__name__, error)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.event.wait(), seconds)

    async def _count(self) -> None:
        gauge("queue_waiting", await self._jobs.count("incomplete"))

    async def process(self) -> bool:
        """Run one job, if there is one; another worker has it when this one stops too early."""
        job = await self._next()
        if job is None:
            return False
        try:
            if not self.event.is_set():
                await self._attempt(job, Task.received((job.kwargs or {}).values()))
                return True
        except asyncio.CancelledError:
            await self._give_back(job)
            raise
        except Exception:
            logger.exception("job not acknowledged, it will be run again: %s", job.function)
            return True
        await self._give_back(job)
        return False

    async def _next(self) -> Job | None:
        try:
            return await self._jobs.dequeue(timeout=READ_SECONDS)
        except RedisError:
            await asyncio.sleep(DUE_SECONDS)  # `_every` says why
        except Exception:
            logger.exception("a job cannot be read")
        return None

    async def _give_back(self, job: Job) -> None:
        job.retry_delay = 0.0
        await job.retry("stopped")

    async def _attempt(self, job: Job, task: Task) -> None:
        try:
            async with self._held(job):
                if task.job not in JOBS:
                    raise LookupError(f"no job is named {task.job}")
                await run(self._clients, task)
        except Exception as error:
            job.attempts += 1
            logger.exception("attempt %d failed: %s", job.attempts, task.job)
            await self._failed(job, task, error)
        else:
            await job.finish(Status.COMPLETE)

    async def _failed(self, job: Job, task: Task, error: Exception) -> None:
        """Try again after a growing pause, or never again."""
        known = JOBS.get(task.job)
        hopeless = known is None or job.attempts > known.retries
        if hopeless or isinstance(error, ValidationError):
            await self._letters.put(Letter.of(task, error))
            await job.finish(Status.FAILED, error=describe(error))
            count("queue_dead", job=task.job)
        else:
            job.retry_delay = pause_before(job.attempts)
            await job.retry(describe(error))
            count("queue_retries", job=task.job)

    @asynccontextmanager
    async def _held(self, job: Job) -> AsyncIterator[None]:
        """Tell the broker that the job is in good hands, for as long as it takes."""
        holding = asyncio.create_task(self._hold(job))
        try:
            yield
        finally:
            holding.cancel()
            with suppress(Exception):
                await self._jobs.release(job)

    async def _hold(self, job: Job) -> None:
        while True:
            with suppress(Exception):
                await self._jobs.hold(job)
            await asyncio.sleep(self._settings.redeliver_after / 3)


async def work(settings: "Settings", clients: Clients, stop: asyncio.Event) -> None:
    """Run jobs until `stop`, then wait for those that run."""
    queue = JobQueue(settings.queue)
    worker = asyncio.create_task(JobWorker(queue, clients, settings).start())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({worker, stopping}, return_when=asyncio.FIRST_COMPLETED)
        worker.cancel()  # the library ends gracefully when it is cancelled
        with suppress(asyncio.CancelledError):
            await worker
    finally:
        stopping.cancel()
        await queue.close()


class DeadLetters:
    """The jobs that failed for good."""

    def __init__(self, sender: TaskSender, letters: StreamLetters) -> None:
        """Read `letters`, replay through `sender`."""
        self._sender = sender
        self._letters = letters

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: "Settings") -> AsyncIterator[Self]:
        """Connect to the broker."""
        async with lifespan(settings) as sender:
            yield cls(sender, StreamLetters(sender.queue.redis, settings.queue))

    async def all(self) -> AsyncIterator[Letter]:
        """Each letter, the oldest first."""
        async for letter in self._letters.all():
            yield letter

    async def replay(self, letter: Letter) -> None:
        """Enqueue the job again; only then forget the letter."""
        await self._sender.send(letter.task)
        await self._letters.remove(letter)
