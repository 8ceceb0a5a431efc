"""Tasks on a Redis stream: a consumer group gives each to one worker.

What a worker does not acknowledge is claimed by another one after `redeliver_after`; a worker that is
still at it says so (`Delivery.touch`).
"""

from collections.abc import AsyncGenerator
from time import monotonic
from typing import Any

from redis.asyncio import Redis
from taskiq import AckableMessage, BrokerMessage
from taskiq_redis import RedisStreamBroker

from app.queue.settings import QueueSettings
from app.queue.stream_letters import StreamLetters

IDLE_READ_SECONDS = 2.0
"""How long one read waits for a task."""


SEND_ONCE = """
if redis.call('SET', KEYS[2], '', 'NX', 'EX', ARGV[2]) then
    redis.call('XADD', KEYS[1], '*', 'data', ARGV[1])
    return 1
end
return 0
"""
"""Key and task in one step: none of them is ever there without the other."""


class Delivery:
    """One task as it was given to this worker; calling it acknowledges."""

    def __init__(self, broker: "StreamBroker", stream: str, id_: str) -> None:
        """The entry `id_` of `stream`."""
        self._broker = broker
        self._stream = stream
        self._id = id_

    async def __call__(self) -> None:
        """Acknowledge; the entry goes too, or the stream would grow for ever."""
        async with self._broker.redis().pipeline() as pipe:
            pipe.xack(self._stream, self._broker.consumer_group_name, self._id)
            pipe.xdel(self._stream, self._id)
            await pipe.execute()

    async def touch(self) -> None:
        """Restart the time after which others claim the task."""
        group, consumer = self._broker.consumer_group_name, self._broker.consumer_name
        await self._broker.redis().xclaim(
            self._stream, group, consumer, min_idle_time=0, message_ids=[self._id], justid=True
        )


class StreamBroker(RedisStreamBroker):
    """The library's broker, with another way to read.

    The library looks for tasks of dead workers only after it has read a new one, so that with no new
    tasks they would wait for ever; and its entries stay when they are acknowledged.
    """

    def redis(self) -> Redis:
        """A client on the broker's connections."""
        return Redis(connection_pool=self.connection_pool)

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        """Each task that is given to this worker, one at a time."""
        redis, claim_at = self.redis(), 0.0
        while True:
            entries: Any = []
            if monotonic() >= claim_at:
                entries = await self._claim(redis)
                # Where one worker has died there may be more to claim.
                claim_at = 0.0 if entries else monotonic() + self.idle_timeout / 3000
            for id_, fields in entries or await self._read(redis):
                delivery = Delivery(self, self.queue_name, id_)
                yield AckableMessage(data=fields[b"data"], ack=delivery)

    async def _read(self, redis: Redis) -> Any:  # noqa: ANN401 - the library's answer
        # One only: a task that waits in one worker's memory could be with a free one.
        streams: Any = {self.queue_name: ">"}
        group, consumer = self.consumer_group_name, self.consumer_name
        found: Any = await redis.xreadgroup(group, consumer, streams, count=1, block=self.block)
        return found[0][1] if found else []

    async def _claim(self, redis: Redis) -> Any:  # noqa: ANN401 - the library's answer
        group, consumer = self.consumer_group_name, self.consumer_name
        found: Any = await redis.xautoclaim(
            self.queue_name, group, consumer, self.idle_timeout, count=1
        )
        return [(id_, fields) for id_, fields in found[1] if fields]


Broker = StreamBroker


def make(settings: QueueSettings) -> Broker:
    """The broker, not yet connected."""
    milliseconds = round(settings.redeliver_after * 1000)
    return StreamBroker(
        settings.url.get_secret_value(),
        queue_name=settings.name,
        consumer_group_name=settings.name,
        consumer_id="0",  # what was sent before the first worker started counts too
        xread_block=round(IDLE_READ_SECONDS * 1000),
        idle_timeout=milliseconds,
        socket_timeout=IDLE_READ_SECONDS + settings.timeout,
        socket_connect_timeout=settings.timeout,
    )


async def check(broker: Broker) -> None:
    """Raise when the server does not answer."""
    await broker.redis().ping()


async def send_once(broker: Broker, message: BrokerMessage, settings: QueueSettings) -> bool:
    """Send the task unless one with its key was sent in the last `known_hours`; whether it was."""
    known = f"{settings.name}.known:{message.task_name}:{message.task_id}"
    script = broker.redis().register_script(SEND_ONCE)
    seconds = settings.known_hours * 3600
    return bool(await script([settings.name, known], [message.message, seconds]))


async def waiting(broker: Broker, settings: QueueSettings) -> int:
    """Tasks that are not done."""
    return int(await broker.redis().xlen(settings.name))


class Letters(StreamLetters):
    """Dead letters in the broker's Redis."""

    def __init__(self, broker: Broker, settings: QueueSettings) -> None:
        """The letters of the queue of `settings`."""
        super().__init__(broker.redis(), settings)
