"""The queue: jobs are rows of PostgreSQL, run by procrastinate's workers.

A job is done when its row says so. The jobs of a worker that has given no sign of life for
`redeliver_after` go back to the queue, so a job may run twice; see `app.queue.job`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from procrastinate import App, BaseRetryStrategy, JobContext, PsycopgConnector, RetryDecision
from procrastinate.exceptions import JobAborted
from procrastinate.jobs import Job as Row
from pydantic import ValidationError

from app.events import count, gauge
from app.queue.attempts import pause_before
from app.queue.jobs import JOBS, Clients, Job
from app.queue.letters import Letter
from app.queue.running import Task, run
from app.queue.schema import address

if TYPE_CHECKING:
    from app.settings import Settings

HOUSEKEEPING_SECONDS = 3600

REQUEUE = """
SELECT procrastinate_retry_job_v2(stalled.id, now(), NULL, NULL, NULL) FROM (
    SELECT job.id FROM procrastinate_jobs job
    LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
    WHERE job.status = 'doing' AND (worker.id IS NULL
        OR worker.last_heartbeat < now() - make_interval(secs => %(seconds)s))
    FOR UPDATE OF job SKIP LOCKED
) stalled
"""
NOTE = "UPDATE procrastinate_jobs SET args = args || %(note)s WHERE id = %(id)s"
WAITING = "SELECT count(*) AS jobs FROM procrastinate_jobs WHERE status = 'todo'"

logger = logging.getLogger("app.queue")


class Attempts(BaseRetryStrategy):
    """When a failed job is tried again."""

    def __init__(self, retries: int) -> None:
        """Try again `retries` times."""
        self._retries = retries

    def get_retry_decision(self, *, exception: BaseException, job: Row) -> RetryDecision | None:
        """After a growing pause; at once when the worker was stopped; never for wrong arguments."""
        if isinstance(exception, JobAborted | asyncio.CancelledError):
            return RetryDecision(retry_in={"seconds": 0})
        if job.attempts >= self._retries or isinstance(exception, ValidationError):
            return None
        return RetryDecision(
            retry_in={"milliseconds": round(1000 * pause_before(job.attempts + 1))}
        )


def make_app(settings: "Settings") -> App:
    """The procrastinate application with a task for each job."""
    connector = PsycopgConnector(
        conninfo=address(settings), min_size=1, max_size=settings.queue.connections
    )
    app = App(connector=connector)
    for job in JOBS.values():
        _register(app, job, settings.queue.name)
    return app


def _register(app: App, job: Job[Any], queue: str) -> None:
    attempts = Attempts(job.retries)

    async def task(context: JobContext, /, **row: Any) -> None:  # noqa: ANN401 - JSON
        clients: Clients = context.additional_context["clients"]
        key = f"{job.name}@{row.get('timestamp')}"  # of a scheduled job, which has no other
        made = Task(
            job.name,
            row.get("arguments", "{}"),
            row.get("request_id", key),
            row.get("key", key),
        )
        try:
            await run(clients, made)
        except Exception as error:
            logger.exception("attempt failed: %s", job.name)
            if attempts.get_retry_decision(exception=error, job=context.job):
                count("queue_retries", job=job.name)
            else:
                count("queue_dead", job=job.name)
                letter = Letter.of(made, error)
                note = {"error": letter.error, "at": letter.at, **made._asdict()}
                await app.connector.execute_query_async(NOTE, note=note, id=context.job.id)
            raise

    registered: Any = app.task(name=job.name, queue=queue, retry=attempts, pass_context=True)(task)
    if job.schedule:
        app.periodic(cron=job.schedule)(registered)


async def work(settings: "Settings", clients: Clients, stop: asyncio.Event) -> None:
    """Run jobs until `stop`; connect anew whenever the database went away."""
    queue = settings.queue
    while not stop.is_set():
        app = make_app(settings)
        try:
            async with app.open_async():
                worker = asyncio.create_task(
                    app.run_worker_async(
                        queues=[queue.name],
                        concurrency=queue.concurrency,
                        shutdown_graceful_timeout=queue.stop_grace,
                        update_heartbeat_interval=queue.redeliver_after / 3,
                        stalled_worker_timeout=queue.redeliver_after,
                        install_signal_handlers=False,
                        additional_context={"clients": clients},
                    )
                )
                await _supervise(app, worker, settings, stop)
        except Exception as error:  # noqa: BLE001 - whatever the driver raises
            logger.warning("database lost, connecting anew: %s: %s", type(error).__name__, error)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1)


async def _supervise(
    app: App, worker: asyncio.Task[None], settings: "Settings", stop: asyncio.Event
) -> None:
    """Wait for the worker; end it on `stop`, after the time that procrastinate gives its jobs."""
    stopping = asyncio.create_task(stop.wait())
    keeping = asyncio.create_task(_housekeeping(app, settings))
    try:
        await asyncio.wait({worker, stopping}, return_when=asyncio.FIRST_COMPLETED)
        worker.cancel()  # procrastinate ends gracefully when it is cancelled
        with suppress(asyncio.CancelledError):
            await worker
    finally:
        stopping.cancel()
        keeping.cancel()


async def _housekeeping(app: App, settings: "Settings") -> None:
    """Requeue the jobs of dead workers, count the waiting ones, delete old ones."""
    seconds = settings.queue.redeliver_after
    clean_after = 0.0
    while True:
        with suppress(Exception):
            await app.connector.execute_query_all_async(REQUEUE, seconds=seconds)
            found = await app.connector.execute_query_one_async(WAITING)
            gauge("queue_waiting", found["jobs"])
            if clean_after <= 0:
                # Dead ones stay until they are replayed.
                await app.job_manager.delete_old_jobs(nb_hours=settings.queue.known_hours)
                clean_after = HOUSEKEEPING_SECONDS
        await asyncio.sleep(seconds / 3)
        clean_after -= seconds / 3


async def scheduling(settings: "Settings", stop: asyncio.Event) -> None:
    """Wait for `stop`: the workers enqueue scheduled jobs, and agree through the database who.

    The command stays, so that deployments are alike under every queue and restart nothing in a loop.
    """
    logger.info("nothing to do: the workers enqueue scheduled jobs themselves")
    await stop.wait()


class DeadLetters:
    """The jobs that failed for good: rows like all others."""

    def __init__(self, app: App, queue: str) -> None:
        """The failed jobs of `queue`."""
        self._app = app
        self._queue = queue

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: "Settings") -> AsyncIterator[Self]:
        """Connect to the database."""
        app = make_app(settings)
        async with app.open_async():
            yield cls(app, settings.queue.name)

    async def all(self) -> AsyncIterator[Letter]:
        """Each letter, the oldest first."""
        for row in await self._app.job_manager.list_jobs_async(queue=self._queue, status="failed"):
            values: dict[str, Any] = row.task_kwargs
            arguments, key = values.get("arguments", "{}"), values.get("key", "")
            task = Task(row.task_name, arguments, values.get("request_id", ""), key)
            yield Letter(task, values.get("error", ""), values.get("at", ""), str(row.id))

    async def replay(self, letter: Letter) -> None:
        """Enqueue the job again."""
        await self._app.job_manager.retry_job_by_id_async(
            int(letter.id), retry_at=datetime.now(UTC)
        )
