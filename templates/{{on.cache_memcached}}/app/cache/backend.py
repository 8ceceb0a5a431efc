"""The cache on a Memcached server: shared by all processes."""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import ClassVar

from emcache import (
    Client,
    ClusterNoAvailableNodes,
    CommandError,
    MemcachedHostAddress,
    NotFoundCommandError,
    NotStoredStorageCommandError,
    StorageCommandError,
    create_client,
)
from pydantic import PositiveInt

from app.cache.guard import GuardedStore, GuardSettings
from app.cache.store import Store

LONGEST_SECONDS = 30 * 24 * 3600
"""The server reads a longer lifetime as a moment in 1970."""


class BackendSettings(GuardSettings):
    """The server."""

    host: str = "127.0.0.1"
    port: PositiveInt = 11211


class MemcachedStore:
    """Values with a lifetime on a Memcached server."""

    system: ClassVar[str] = "memcached"

    def __init__(self, client: Client, settings: BackendSettings) -> None:
        """Use `client` until it is reset."""
        self._client = client
        self._settings = settings

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values, in one round trip."""
        if len(keys) == 1:  # the client does more for several, even when they are one
            item = await self._client.get(keys[0].encode())
            return [item.value if item is not None else None]
        names = [key.encode() for key in keys]
        found = await self._client.get_many(names)
        return [item.value if (item := found.get(name)) is not None else None for name in names]

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        """Keep the value, unless the server finds it too large."""
        try:
            await self._client.set(key.encode(), value, exptime=_seconds(ttl))
        except StorageCommandError:
            # What was there before is not the value any more.
            await self._delete(key)

    async def add(self, key: str, value: bytes, ttl: float) -> bool:
        """Keep the value if the key is free."""
        try:
            await self._client.add(key.encode(), value, exptime=_seconds(ttl))
        except NotStoredStorageCommandError:
            return False
        return True

    async def delete(self, keys: Sequence[str]) -> None:
        """Forget the keys."""
        await asyncio.gather(*(self._delete(key) for key in keys))

    async def _delete(self, key: str) -> None:
        with suppress(NotFoundCommandError):
            await self._client.delete(key.encode())

    async def check(self) -> None:
        """Ask for an answer."""
        await self.get_many(["check"])

    async def reset(self) -> None:
        """Begin anew: the client itself would wait up to a minute before it connects again."""
        broken, self._client = self._client, await connect(self._settings)
        await broken.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


async def connect(settings: BackendSettings) -> Client:
    """A client; it connects in the background."""
    return await create_client(
        [MemcachedHostAddress(settings.host, settings.port)],
        timeout=settings.timeout,
        connection_timeout=settings.connect_timeout,
        max_connections=settings.max_connections,
    )


@asynccontextmanager
async def open_store(settings: BackendSettings) -> AsyncIterator[Store]:
    """The store on the server."""
    store = MemcachedStore(await connect(settings), settings)
    errors = (CommandError, ClusterNoAvailableNodes, TimeoutError, OSError)
    try:
        yield GuardedStore(store, errors, settings)
    finally:
        await store.close()


def _seconds(ttl: float) -> int:
    """Whole seconds, rounded up: 0 would mean for ever; entries know their end themselves."""
    return min(math.ceil(ttl), LONGEST_SECONDS)
