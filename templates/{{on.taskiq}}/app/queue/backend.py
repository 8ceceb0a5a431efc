"""The queue: taskiq's brokers carry the tasks; attempts and dead letters are ours.

A task is acknowledged when its job is done (or dead), so a worker that dies loses nothing: what it
had is given to another one. A job may therefore run twice; see `app.queue.job`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

from taskiq import AckableMessage
from taskiq.message import TaskiqMessage
from taskiq.receiver import Receiver

from app.events import gauge
from app.queue import broker as transport
from app.queue.attempts import perform
from app.queue.jobs import Clients
from app.queue.letters import Letter
from app.queue.running import Task
from app.queue.schedule import enqueue_on_time

if TYPE_CHECKING:
    from app.settings import Settings

DEPTH_SECONDS = 15.0
"""How often a worker counts the waiting jobs."""

logger = logging.getLogger("app.queue")


class TaskSender:
    """Gives tasks to the broker; connects when it is first needed and after failures."""

    def __init__(self, settings: "Settings") -> None:
        """Send to the queue of `settings`."""
        self._settings = settings.queue
        self._broker: transport.Broker | None = None
        self._connecting = asyncio.Lock()

    async def send(self, task: Task, *, once: bool = False) -> bool:
        """Return when the broker has the task; `once`: false if it had one with this key before."""
        async with asyncio.timeout(self._settings.timeout):
            broker = await self.broker()
            message = broker.formatter.dumps(_message(task))
            if once:
                return await transport.send_once(broker, message, self._settings)
            await broker.kick(message)
            return True

    async def broker(self) -> transport.Broker:
        """The connected broker."""
        async with self._connecting:
            if self._broker is None:
                broker = transport.make(self._settings)
                await broker.startup()
                self._broker = broker
            return self._broker

    async def check(self) -> None:
        """Raise when the broker does not answer."""
        await transport.check(await self.broker())

    async def close(self) -> None:
        """Close the connections."""
        if self._broker is not None:
            await self._broker.shutdown()


@asynccontextmanager
async def lifespan(settings: "Settings") -> AsyncIterator[TaskSender]:
    """Yield the sender; the service also starts while the broker is down."""
    sender = TaskSender(settings)
    try:
        yield sender
    finally:
        await sender.close()


async def check(sender: TaskSender) -> None:
    """Raise when the broker does not answer."""
    await sender.check()


async def scheduling(settings: "Settings", stop: asyncio.Event) -> None:
    """Enqueue scheduled jobs until `stop`."""
    async with lifespan(settings) as sender:
        await enqueue_on_time(sender.send, stop)


class JobReceiver(Receiver):
    """Runs the jobs of a broker's tasks."""

    def __init__(self, broker: transport.Broker, clients: Clients, settings: "Settings") -> None:
        """Run `settings.queue.concurrency` jobs at a time with `clients`."""
        super().__init__(
            broker,
            max_async_tasks=settings.queue.concurrency,
            run_startup=True,
            wait_tasks_timeout=settings.queue.stop_grace,
        )
        self._clients = clients
        self._settings = settings.queue
        self._letters = transport.Letters(broker, self._settings)
        self._pausing = 0

    async def callback(
        self,
        message: bytes | AckableMessage,
        raise_err: bool = False,
    ) -> None:
        """Run the job of a task; acknowledge it when it is done or among the dead letters.

        Unlike the library's own, this leaves the task where it is when this process is stopped.
        """
        if not isinstance(message, AckableMessage):
            raise TypeError("this broker does not wait for acknowledgement")
        task = Task.received(self.broker.formatter.loads(message.data).args)
        sign_of_life = asyncio.create_task(self._hold(message))
        try:
            error = await perform(self._clients, task, self._pause)
            if error is not None:
                await self._letters.put(Letter.of(task, error))
            await message.ack()  # type: ignore[misc]
        except Exception:
            logger.exception("task not acknowledged, it will be run again: %s", task.job)
        finally:
            sign_of_life.cancel()

    async def _hold(self, message: AckableMessage) -> None:
        """Tell the broker that the task is in good hands, for as long as it takes."""
        touch = getattr(message.ack, "touch", None)
        while touch is not None:
            await asyncio.sleep(self._settings.redeliver_after / 3)
            with suppress(Exception):
                await touch()

    async def _pause(self, seconds: float) -> None:
        """Wait before another attempt; other jobs run meanwhile, up to a bound."""
        slots = [slot for slot in (self.sem, self.sem_prefetch) if slot is not None]
        if self._pausing >= 4 * self._settings.concurrency:
            await asyncio.sleep(seconds)
            return
        self._pausing += 1
        for slot in slots:
            slot.release()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._pausing -= 1
            for slot in slots:
                await slot.acquire()


async def work(settings: "Settings", clients: Clients, stop: asyncio.Event) -> None:
    """Run jobs until `stop`; connect anew whenever the broker went away."""
    while not stop.is_set():
        broker = transport.make(settings.queue)
        broker.is_worker_process = True
        counting = asyncio.create_task(_count(broker, settings))
        try:
            await JobReceiver(broker, clients, settings).listen(stop)
        except Exception as error:  # noqa: BLE001 - whatever a client library raises
            logger.warning("broker lost, connecting anew: %s: %s", type(error).__name__, error)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1)
        finally:
            counting.cancel()
            with suppress(Exception):
                await broker.shutdown()


async def _count(broker: transport.Broker, settings: "Settings") -> None:
    while True:
        await asyncio.sleep(DEPTH_SECONDS)
        with suppress(Exception):
            gauge("queue_waiting", await transport.waiting(broker, settings.queue))


class DeadLetters:
    """The jobs that failed for good."""

    def __init__(self, sender: TaskSender, letters: transport.Letters) -> None:
        """Read `letters`, replay through `sender`."""
        self._sender = sender
        self._letters = letters

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: "Settings") -> AsyncIterator[Self]:
        """Connect to the broker."""
        async with lifespan(settings) as sender:
            yield cls(sender, transport.Letters(await sender.broker(), settings.queue))

    async def all(self) -> AsyncIterator[Letter]:
        """Each letter, the oldest first."""
        async for letter in self._letters.all():
            yield letter

    async def replay(self, letter: Letter) -> None:
        """Enqueue the job again; only then forget the letter."""
        await self._sender.send(letter.task)
        await self._letters.remove(letter)


def _message(task: Task) -> TaskiqMessage:
    arguments: list[Any] = list(task)
    return TaskiqMessage(task_id=task.key, task_name=task.job, labels={}, args=arguments, kwargs={})
