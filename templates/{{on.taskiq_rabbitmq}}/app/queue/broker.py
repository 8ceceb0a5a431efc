"""Tasks in a durable queue of RabbitMQ (a quorum queue: replicated where there are several nodes).

What a worker has not acknowledged when its connection ends goes back to the queue at once. A task that
ends its worker again and again goes to the dead letters after a few deliveries.
"""

from collections.abc import AsyncIterator

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from pamqp.common import FieldTable
from taskiq import BrokerMessage
from taskiq_aio_pika import AioPikaBroker, Exchange, Queue, QueueType

from app.queue.letters import Letter
from app.queue.running import Task
from app.queue.settings import QueueSettings

MOST_DELIVERIES = 10


Broker = AioPikaBroker


def make(settings: QueueSettings) -> Broker:
    """The broker, not yet connected."""
    limit: FieldTable = {"x-delivery-limit": MOST_DELIVERIES}
    queue = Queue(name=settings.name, type=QueueType.QUORUM, arguments=limit)
    return AioPikaBroker(
        settings.url.get_secret_value(),
        # Five times what runs: the others wait before their next attempt.
        qos=settings.concurrency * 5,
        exchange=Exchange(name=settings.name),
        task_queues=[queue],
        dead_letter_queue=Queue(name=f"{settings.name}.dead", type=QueueType.QUORUM),
        timeout=settings.timeout,
    )


async def check(broker: Broker) -> None:
    """Raise when the server does not answer."""
    await _channel(broker).get_exchange("amq.direct", ensure=True)


async def send_once(broker: Broker, message: BrokerMessage, _settings: QueueSettings) -> bool:
    """Send the task: RabbitMQ keeps no keys, so it is for the job to notice a second run."""
    await broker.kick(message)
    return True


async def waiting(broker: Broker, settings: QueueSettings) -> int:
    """Tasks that no worker has yet."""
    queue = await _channel(broker).declare_queue(settings.name, passive=True)
    return queue.declaration_result.message_count or 0


class Letters:
    """Dead letters in a queue of their own; reading leaves them there."""

    def __init__(self, broker: Broker, settings: QueueSettings) -> None:
        """The letters of the queue of `settings`."""
        self._broker = broker
        self._queue = f"{settings.name}.dead"
        self._read: dict[str, AbstractIncomingMessage] = {}

    async def put(self, letter: Letter) -> None:
        """Return when the broker keeps the letter."""
        message = Message(letter.dump(), delivery_mode=DeliveryMode.PERSISTENT)
        exchange = _channel(self._broker).default_exchange
        await exchange.publish(message, routing_key=self._queue)

    async def all(self) -> AsyncIterator[Letter]:
        """Each letter, the oldest first; they go back when the connection ends."""
        queue = await _channel(self._broker).get_queue(self._queue)
        while (message := await queue.get(fail=False)) is not None:
            letter = self._letter(message, str(len(self._read) + 1))
            self._read[letter.id] = message
            yield letter

    async def remove(self, letter: Letter) -> None:
        """Forget the letter."""
        await self._read[letter.id].ack()

    def _letter(self, message: AbstractIncomingMessage, id_: str) -> Letter:
        if "x-death" not in message.headers:
            return Letter.load(message.body, id_)
        # The broker itself moved the task here.
        task = Task.received(self._broker.formatter.loads(message.body).args)
        return Letter(task, f"ended its worker {MOST_DELIVERIES} times", "", id_)


def _channel(broker: Broker) -> AbstractChannel:
    if broker.write_channel is None:
        raise ConnectionError("not connected")
    return broker.write_channel
