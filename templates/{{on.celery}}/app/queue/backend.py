"""The queue: Celery carries the tasks and tries them again; dead letters are ours.

Celery is synchronous. Enqueueing happens in threads of its own, so the event loop never waits for the
broker. A worker runs tasks in threads that hand the jobs to one event loop, so all jobs of a process
share one set of clients: no database engine, no connection is made per task.

A task is acknowledged when its job is done (or dead), so a worker that dies loses nothing. A job may
therefore run twice; see `app.queue.job`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self, TypeVar

from anyio import CapacityLimiter, to_thread
from celery import Celery
from celery import Task as CeleryTask
from celery.exceptions import Reject
from celery.worker import WorkController, state
from kombu.simple import SimpleQueue
from pydantic import ValidationError

from app.events import count, gauge
from app.queue.attempts import LONGEST_PAUSE, pause_before
from app.queue.jobs import JOBS, Clients
from app.queue.known import claimed
from app.queue.letters import Letter
from app.queue.running import Task, run
from app.queue.schedule import enqueue_on_time

if TYPE_CHECKING:
    from app.settings import Settings

T = TypeVar("T")

RUN = "run"
"""The one Celery task; which job it runs is its argument."""
SENDING_THREADS = 8
DEPTH_SECONDS = 15.0

logger = logging.getLogger("app.queue")


def make_app(settings: "Settings") -> Celery:
    """The Celery application, not yet connected."""
    queue = settings.queue
    app = Celery(queue.name, broker=queue.url.get_secret_value())
    app.conf.update(
        task_default_queue=queue.name,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_enable_remote_control=False,
        broker_connection_timeout=queue.timeout,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            # Redis has no notion of a lost worker: what was fetched so long ago is given to another.
            "visibility_timeout": max(queue.redeliver_after, 1.5 * _longest()),
            "socket_timeout": queue.timeout,
            "socket_connect_timeout": queue.timeout,
            "confirm_publish": True,
        },
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0},
        worker_send_task_events=False,
    )
    return app


def _longest() -> float:
    """Seconds that a fetched task may stay unacknowledged: one attempt, or the pause before it."""
    times = [max(job.timeout, min(2.0**job.retries, LONGEST_PAUSE)) for job in JOBS.values()]
    return max(times, default=0.0)


class TaskSender:
    """Gives tasks to the broker, from threads that do nothing else."""

    def __init__(self, settings: "Settings") -> None:
        """Send to the queue of `settings`."""
        self.celery = make_app(settings)
        self._settings = settings.queue
        self._threads = CapacityLimiter(SENDING_THREADS)

    async def send(self, task: Task, *, once: bool = False) -> bool:
        """Return when the broker has the task; `once`: false if it had one with this key before."""
        return await self.in_thread(lambda: self._send_once(task) if once else self._send(task))

    def _send(self, task: Task) -> bool:
        self.celery.send_task(RUN, args=list(task), task_id=task.key)
        return True

    def _send_once(self, task: Task) -> bool:
        with claimed(task, self._settings) as ours:
            return ours and self._send(task)

    async def check(self) -> None:
        """Raise when the broker does not answer."""
        await self.in_thread(lambda: _ping(self.celery))

    async def in_thread(self, call: Callable[[], T]) -> T:
        """Call in a thread; a thread that hangs is left behind after `timeout`."""
        async with asyncio.timeout(self._settings.timeout):
            return await to_thread.run_sync(call, limiter=self._threads, abandon_on_cancel=True)


@asynccontextmanager
async def lifespan(settings: "Settings") -> AsyncIterator[TaskSender]:
    """Yield the sender; the service also starts while the broker is down."""
    sender = TaskSender(settings)
    try:
        yield sender
    finally:
        sender.celery.close()


async def check(sender: TaskSender) -> None:
    """Raise when the broker does not answer."""
    await sender.check()


async def scheduling(settings: "Settings", stop: asyncio.Event) -> None:
    """Enqueue scheduled jobs until `stop`."""
    async with lifespan(settings) as sender:
        await enqueue_on_time(sender.send, stop)


class JobRunner:
    """Runs the jobs of Celery's threads in the event loop."""

    def __init__(self, celery: Celery, clients: Clients, settings: "Settings") -> None:
        """Run jobs with `clients`, in the loop that is running now."""
        self._loop = asyncio.get_running_loop()
        self._clients = clients
        self._letters = f"{settings.queue.name}.dead"
        self.running: set[asyncio.Task[None]] = set()
        self.celery = celery

        def run_task(celery_task: "CeleryTask[Any, Any]", *values: str) -> None:
            self._run(celery_task, Task.received(values))

        celery.task(name=RUN, bind=True, max_retries=None)(run_task)

    def _run(self, celery_task: "CeleryTask[Any, Any]", task: Task) -> None:
        """Run in a thread: one attempt, then a later one, or a dead letter."""
        try:
            asyncio.run_coroutine_threadsafe(self._attempt(task), self._loop).result()
        except CancelledError:
            # The worker stops: another one shall have it.
            raise Reject("stopped", requeue=True) from None
        except Exception as error:
            attempt = celery_task.request.retries + 1
            logger.exception("attempt %d failed: %s", attempt, task.job)
            job = JOBS.get(task.job)
            if job is None or attempt > job.retries or isinstance(error, ValidationError):
                count("queue_dead", job=task.job)
                with _queue(self.celery, self._letters) as letters:
                    letters.put(Letter.of(task, error).dump().decode())
                return
            count("queue_retries", job=task.job)
            raise celery_task.retry(countdown=pause_before(attempt), exc=error) from None

    async def _attempt(self, task: Task) -> None:
        if task.job not in JOBS:
            raise LookupError(f"no job is named {task.job}")
        attempt = asyncio.ensure_future(run(self._clients, task))
        self.running.add(attempt)
        attempt.add_done_callback(self.running.discard)
        await attempt


async def work(settings: "Settings", clients: Clients, stop: asyncio.Event) -> None:
    """Run jobs until `stop`, then wait for those that run."""
    celery = make_app(settings)
    celery.set_default()  # for Celery's threads, which send the retries
    runner = JobRunner(celery, clients, settings)
    celery.finalize()
    controller = WorkController(
        app=celery,
        pool_cls="threads",
        concurrency=settings.queue.concurrency,
        without_mingle=True,
        without_gossip=True,
        without_heartbeat=False,
        loglevel="INFO",
    )
    worker = asyncio.create_task(asyncio.to_thread(controller.start))
    counting = asyncio.create_task(_count(celery, settings.queue.name))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({worker, stopping}, return_when=asyncio.FIRST_COMPLETED)
    counting.cancel()
    stopping.cancel()
    celery_state: Any = state
    celery_state.should_stop = 0  # Celery's way to say: fetch no more, finish what runs
    _, late = await asyncio.wait({worker}, timeout=settings.queue.stop_grace)
    if late:
        for job in runner.running:
            job.cancel()
    await worker


async def _count(celery: Celery, queue: str) -> None:
    while True:
        await asyncio.sleep(DEPTH_SECONDS)
        with suppress(Exception):
            gauge("queue_waiting", await asyncio.to_thread(_waiting, celery, queue))


def _waiting(celery: Celery, queue: str) -> int:
    with celery.connection_for_read() as connection:
        channel: Any = connection.default_channel
        return int(channel.queue_declare(queue=queue, passive=True).message_count)


def _ping(celery: Celery) -> None:
    with celery.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0)


@contextmanager
def _queue(celery: Celery, name: str) -> Iterator[SimpleQueue]:
    with celery.connection_for_write() as connection, connection.SimpleQueue(name) as queue:
        yield queue


class DeadLetters:
    """The jobs that failed for good, in a queue of their own; reading leaves them there."""

    def __init__(self, sender: TaskSender, queue: SimpleQueue) -> None:
        """Read `queue`, replay through `sender`."""
        self._sender = sender
        self._queue = queue
        self._read: dict[str, Any] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: "Settings") -> AsyncIterator[Self]:
        """Connect to the broker."""
        async with lifespan(settings) as sender:
            with _queue(sender.celery, f"{settings.queue.name}.dead") as queue:
                letters = cls(sender, queue)
                try:
                    yield letters
                finally:
                    letters.put_back()

    async def all(self) -> AsyncIterator[Letter]:
        """Each letter, the oldest first."""
        while True:
            try:
                message = self._queue.get(block=False)
            except self._queue.Empty:
                return
            letter = Letter.load(message.payload.encode(), str(len(self._read) + 1))
            self._read[letter.id] = message
            yield letter

    async def replay(self, letter: Letter) -> None:
        """Enqueue the job again; only then forget the letter."""
        await self._sender.send(letter.task)
        self._read.pop(letter.id).ack()

    def put_back(self) -> None:
        """Leave what was only read."""
        for message in self._read.values():
            message.requeue()
