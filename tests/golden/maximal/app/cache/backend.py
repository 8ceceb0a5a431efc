"""The cache on a Redis server (or Valkey, which speaks the same): shared by all processes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from pydantic import SecretStr
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.cache.guard import GuardedStore, GuardSettings
from app.cache.store import Store


class BackendSettings(GuardSettings):
    """The server."""

    url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")


class RedisStore:
    """Values with a lifetime on a Redis server."""

    system: ClassVar[str] = "redis"

    def __init__(self, client: Redis) -> None:
        """Use the connections of `client`."""
        self._client = client

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values, in one round trip."""
        values: list[Any] = await self._client.mget(keys)
        return values

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        """Keep the value."""
        await self._client.set(key, value, px=_milliseconds(ttl))

    async def add(self, key: str, value: bytes, ttl: float) -> bool:
        """Keep the value if the key is free."""
        return bool(await self._client.set(key, value, px=_milliseconds(ttl), nx=True))

    async def delete(self, keys: Sequence[str]) -> None:
        """Forget the keys; the server frees their memory in the background."""
        await self._client.unlink(*keys)

    async def check(self) -> None:
        """Ask for an answer."""
        await self._client.ping()

    async def reset(self) -> None:
        """The client replaces broken connections itself."""


@asynccontextmanager
async def open_store(settings: BackendSettings) -> AsyncIterator[Store]:
    """The store on the server; connections are opened when they are needed."""
    client = Redis.from_url(
        settings.url.get_secret_value(),
        socket_timeout=settings.timeout,
        socket_connect_timeout=settings.connect_timeout,
        max_connections=settings.max_connections,
        # The library would try ten times by default, and wait between: the guard decides here.
        retry=Retry(NoBackoff(), 0),
    )
    async with client:
        yield GuardedStore(RedisStore(client), (RedisError, OSError), settings)


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
