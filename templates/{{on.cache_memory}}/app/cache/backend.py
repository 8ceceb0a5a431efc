"""The cache in the memory of the process: fast, bounded, and not shared.

Each worker process has its own copy: what one drops, the others keep until it ends. It is for data
that may be stale for its lifetime.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from cachetools import TLRUCache
from pydantic import BaseModel, PositiveInt

from app.cache.store import Store

OVERHEAD_BYTES = 300
"""What a key and its places in the maps take besides the value (CPython, 64 bits)."""


class BackendSettings(BaseModel):
    """The bounds of the cache, per worker process."""

    max_entries: PositiveInt = 10_000
    max_bytes: PositiveInt = 32 * 2**20


class MemoryStore:
    """Values with a lifetime each; the least recently used go first when room is short."""

    def __init__(self, settings: BackendSettings) -> None:
        """Hold at most what `settings` allow."""
        # One bound serves as both: an entry takes at least its share of the bytes.
        share = settings.max_bytes // settings.max_entries
        self._values: TLRUCache[str, tuple[bytes, float]] = TLRUCache(
            maxsize=settings.max_bytes,
            ttu=lambda _key, value, now: now + value[1],
            getsizeof=lambda value: max(share, len(value[0]) + OVERHEAD_BYTES),
        )
        self._largest = settings.max_bytes - OVERHEAD_BYTES

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values, None for what is not there."""
        get = self._values.get
        return [found[0] if (found := get(key)) is not None else None for key in keys]

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        """Keep `value`, unless it alone is larger than the cache."""
        if len(value) <= self._largest:
            self._values[key] = (value, ttl)

    async def add(self, key: str, value: bytes, ttl: float) -> bool:
        """Keep `value` if the key is free."""
        if key in self._values:
            return False
        self._values[key] = (value, ttl)
        return True

    async def delete(self, keys: Sequence[str]) -> None:
        """Forget the keys."""
        for key in keys:
            self._values.pop(key, None)

    async def check(self) -> None:
        """Memory is always there."""


@asynccontextmanager
async def open_store(settings: BackendSettings) -> AsyncIterator[Store]:
    """The store of this process."""
    yield MemoryStore(settings)
