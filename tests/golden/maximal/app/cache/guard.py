"""Between the cache and its server: when that server is slow or down, requests go on without it.

An operation that fails counts as a miss. After a few failures in a row the server is left alone:
operations are misses at once, which costs microseconds and no timeout. After a pause that grows with
every failure one operation tries it again, and everything returns by itself.

What could not be dropped meanwhile is remembered and dropped before anything is read again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from random import SystemRandom
from time import monotonic, perf_counter
from typing import ClassVar, Protocol, TypeVar

from pydantic import BaseModel, PositiveFloat, PositiveInt

from app.cache.store import Store
from app.errors import DegradedError
from app.events import called, count, gauge

T = TypeVar("T")

REMEMBERED_KEYS = 10_000
"""Keys to drop later that one process remembers; beyond, entries are stale until they end."""

logger = logging.getLogger("app.cache")
random = SystemRandom()


class GuardSettings(BaseModel):
    """When the server is given up, and for how long; times are seconds."""

    timeout: PositiveFloat = 0.25
    """The longest that one operation may take."""
    connect_timeout: PositiveFloat = 0.5
    max_connections: PositiveInt = 50
    """Per worker process; further operations wait for their turn."""
    failures: PositiveInt = 3
    """So many in a row mean that the server is down."""
    first_pause: PositiveFloat = 0.5
    longest_pause: PositiveFloat = 5.0


class RemoteStore(Store, Protocol):
    """A store on a server; its operations raise when the server does not answer."""

    system: ClassVar[str]
    """What the server is."""

    async def reset(self) -> None:
        """Forget broken connections; called before the server is tried again."""


class GuardedStore:
    """A store that never fails: see the module."""

    def __init__(
        self, store: RemoteStore, errors: tuple[type[Exception], ...], settings: GuardSettings
    ) -> None:
        """`errors` are what `store` raises when its server does not answer."""
        self._store = store
        self._errors = errors
        self._turn = asyncio.Semaphore(settings.max_connections)
        self._settings = settings
        self._failed = 0
        self._pause = 0.0
        self._retry_at = 0.0
        self._trying = False
        self._undropped: dict[str, None] = {}
        gauge("cache_up", 1)

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values; none is there when the server does not answer."""
        return await self._attempt("get", lambda: self._store.get_many(keys), [None] * len(keys))

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        """Keep the value if the server answers."""
        await self._attempt("set", lambda: self._store.set(key, value, ttl), None)

    async def add(self, key: str, value: bytes, ttl: float) -> bool:
        """Keep the value if the key is free; true when the server does not answer."""
        return await self._attempt("add", lambda: self._store.add(key, value, ttl), otherwise=True)

    async def delete(self, keys: Sequence[str]) -> None:
        """Forget the keys, later if the server does not answer now."""
        self._remember(keys)
        await self._attempt("delete", self._drop, None)

    async def check(self) -> None:
        """Raise `DegradedError` unless the server answers."""
        if self._pause:
            raise DegradedError("the cache is down")
        try:
            await self._store.check()
        except self._errors as error:
            raise DegradedError("the cache is down") from error

    async def _attempt(self, name: str, call: Callable[[], Awaitable[T]], otherwise: T) -> T:
        if not self._pause:
            async with self._turn:
                # Who waited while the server was given up does not wait for it a second time.
                if not self._pause:
                    return await self._run(name, call, otherwise)
        if self._trying or monotonic() < self._retry_at:
            return otherwise
        self._trying = True
        try:
            return await self._run(name, call, otherwise, trial=True)
        finally:
            self._trying = False

    async def _run(
        self, name: str, call: Callable[[], Awaitable[T]], otherwise: T, *, trial: bool = False
    ) -> T:
        started = perf_counter()
        try:
            if trial:
                await self._store.reset()
            if self._undropped:
                await self._drop()
            result = await call()
        except self._errors as error:
            seconds = perf_counter() - started
            called(self._store.system, seconds, name=name, error=type(error).__name__)
            # Operations that began before the server was given up say nothing new.
            if trial or not self._pause:
                self._failure(error)
            return otherwise
        called(self._store.system, perf_counter() - started, name=name)
        if trial or not self._pause:
            self._success()
        return result

    async def _drop(self) -> None:
        keys = list(self._undropped)
        if keys:
            await self._store.delete(keys)
        for key in keys:
            self._undropped.pop(key, None)

    def _remember(self, keys: Sequence[str]) -> None:
        self._undropped.update(dict.fromkeys(keys))
        while len(self._undropped) > REMEMBERED_KEYS:
            del self._undropped[next(iter(self._undropped))]

    def _success(self) -> None:
        self._failed = 0
        if self._pause:
            self._pause = 0.0
            logger.warning("cache is back")
            gauge("cache_up", 1)

    def _failure(self, error: Exception) -> None:
        count("cache_errors", error=type(error).__name__)
        self._failed += 1
        if self._failed < self._settings.failures:
            return
        if not self._pause:
            reason = f"{type(error).__name__}: {error}".rstrip(": ")
            logger.warning("cache is down, going on without it: %s", reason)
            gauge("cache_up", 0)
        longer = max(self._settings.first_pause, self._pause * 2)
        self._pause = min(longer, self._settings.longest_pause)
        self._retry_at = monotonic() + self._pause * random.uniform(0.8, 1.2)
