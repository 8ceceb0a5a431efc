"""Tasks in a JetStream stream of NATS: a durable consumer gives each to one worker.

What a worker does not acknowledge is given to another one after `redeliver_after`; a worker that is
still at it says so (`Delivery.touch`).
"""

from collections.abc import AsyncGenerator, AsyncIterator
from hashlib import sha256

from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StreamConfig
from nats.js.errors import NotFoundError
from taskiq import AckableMessage, BrokerMessage
from taskiq_nats import PullBasedJetStreamBroker

from app.queue.letters import Letter
from app.queue.settings import QueueSettings

IDLE_FETCH_SECONDS = 2.0
"""How long one fetch waits for a task."""


class Delivery:
    """One task as it was given to this worker; calling it acknowledges."""

    def __init__(self, message: Msg) -> None:
        """The task of `message`."""
        self._message = message

    async def __call__(self) -> None:
        """Acknowledge, and wait until the server knows."""
        await self._message.ack_sync()

    async def touch(self) -> None:
        """Restart the time after which others get the task."""
        await self._message.in_progress()


class StreamBroker(PullBasedJetStreamBroker):
    """The library's broker with deliveries that can be held."""

    async def startup(self) -> None:
        """Connect; an existing stream takes over the settings of this one."""
        await super().startup()
        await self.js.update_stream(self.stream_config)

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        """Each task that is given to this worker."""
        while True:
            try:
                messages = await self.consumer.fetch(batch=1, timeout=IDLE_FETCH_SECONDS)
            except NatsTimeoutError:
                continue
            for message in messages:
                yield AckableMessage(data=message.data, ack=Delivery(message))


Broker = StreamBroker


def make(settings: QueueSettings) -> Broker:
    """The broker, not yet connected."""
    stream = _stream_name(settings)
    return StreamBroker(
        [settings.url.get_secret_value()],
        subject=settings.name,
        stream_name=stream,
        durable=stream,
        stream_config=StreamConfig(
            name=stream,
            retention=RetentionPolicy.WORK_QUEUE,
            duplicate_window=settings.known_hours * 3600,
        ),
        consumer_config=ConsumerConfig(
            durable_name=stream,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=settings.redeliver_after,
            max_ack_pending=10_000,
        ),
        connect_timeout=settings.timeout,
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.5,
    )


async def check(broker: Broker) -> None:
    """Raise when the server does not answer."""
    await broker.js.account_info()


async def send_once(broker: Broker, message: BrokerMessage, _settings: QueueSettings) -> bool:
    """Send the task unless one with its key was sent in the last `known_hours`; whether it was.

    The server tells by the message's id. It forgets those of jobs that are done when it restarts.
    """
    id_ = sha256(f"{message.task_name}:{message.task_id}".encode()).hexdigest()
    headers = {**message.labels, "Nats-Msg-Id": id_}
    sent = await broker.js.publish(broker.subject, message.message, headers=headers)
    return not sent.duplicate


async def waiting(broker: Broker, settings: QueueSettings) -> int:
    """Tasks that are not done."""
    info = await broker.js.stream_info(_stream_name(settings))
    return info.state.messages


class Letters:
    """Dead letters in a stream of their own."""

    def __init__(self, broker: Broker, settings: QueueSettings) -> None:
        """The letters of the queue of `settings`."""
        self._broker = broker
        self._subject = f"{settings.name}.dead"
        self._stream = f"{_stream_name(settings)}_dead"

    async def put(self, letter: Letter) -> None:
        """Return when the server keeps the letter."""
        await self._declare()
        await self._broker.js.publish(self._subject, letter.dump())

    async def all(self) -> AsyncIterator[Letter]:
        """Each letter, the oldest first."""
        await self._declare()
        js = self._broker.js
        state = (await js.stream_info(self._stream)).state
        for sequence in range(max(1, state.first_seq), state.last_seq + 1):
            try:
                message = await js.get_msg(self._stream, seq=sequence)
            except NotFoundError:
                continue
            yield Letter.load(message.data or b"", str(sequence))

    async def remove(self, letter: Letter) -> None:
        """Forget the letter."""
        await self._broker.js.delete_msg(self._stream, int(letter.id))

    async def _declare(self) -> None:
        config = StreamConfig(name=self._stream, subjects=[self._subject])
        await self._broker.js.add_stream(config)


def _stream_name(settings: QueueSettings) -> str:
    """Names of streams hold no dots."""
    return settings.name.replace(".", "_")
