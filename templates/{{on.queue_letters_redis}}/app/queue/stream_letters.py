"""Dead letters in a Redis stream."""

from collections.abc import AsyncIterator
from typing import Any

from redis.asyncio import Redis

from app.queue.letters import Letter
from app.queue.settings import QueueSettings


class StreamLetters:
    """Dead letters in a stream of their own."""

    def __init__(self, redis: Redis, settings: QueueSettings) -> None:
        """The letters of the queue of `settings`."""
        self._redis = redis
        self._stream = f"{settings.name}.dead"

    async def put(self, letter: Letter) -> None:
        """Keep the letter."""
        await self._redis.xadd(self._stream, {"letter": letter.dump()})

    async def all(self) -> AsyncIterator[Letter]:
        """Each letter, the oldest first."""
        entries: Any = await self._redis.xrange(self._stream)
        for id_, fields in entries:
            yield Letter.load(fields[b"letter"], id_.decode())

    async def remove(self, letter: Letter) -> None:
        """Forget the letter."""
        await self._redis.xdel(self._stream, letter.id)
