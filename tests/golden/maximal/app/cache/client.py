"""The cache client: values by key, loads that run once, and tags that drop many keys at once.

A tag has a version, kept in the store like a value. An entry remembers the versions that its tags
had before its value was loaded and counts only while they are still the same. Dropping a tag is
forgetting its version: it costs one operation however many entries there are, every process sees it
at once, and a load that was under way meanwhile cannot put the old value back.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from random import SystemRandom
from time import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

from pydantic import TypeAdapter, ValidationError

from app.cache.entries import Entry
from app.cache.flights import Flights
from app.cache.keys import digest
from app.cache.store import Store
from app.events import count

if TYPE_CHECKING:
    from app.cache.settings import CacheSettings

T = TypeVar("T")

TAG_SECONDS = 7 * 24 * 3600.0
"""How long the version of a tag is kept; when it ends, entries with the tag end too."""

logger = logging.getLogger("app.cache")
random = SystemRandom()


class Found(NamedTuple):
    """What a look into the store gave."""

    entry: Entry | None
    """None when there is none that counts."""
    versions: dict[str, str | None]
    """The present versions of the tags."""


class CacheClient:
    """The cache of a process; share one, it is made for concurrent use."""

    def __init__(self, store: Store, settings: "CacheSettings") -> None:
        """Keep everything in `store`."""
        self.settings = settings
        self._store = store
        self._prefix = f"{settings.namespace}:{settings.version}:"
        self._flights: Flights[Entry | None] = Flights()

    async def get(self, key: str, type_: type[T] | TypeAdapter[T]) -> T | None:
        """The value of `key`; None when there is none, or when it is not a `type_` any more."""
        found = await self._read(key, ())
        _count("hit" if found.entry else "miss")
        return _value(found.entry, _adapter(type_)) if found.entry else None

    async def set(self, key: str, value: object, *, ttl: float, tags: Sequence[str] = ()) -> None:
        """Keep `value` for at most `ttl` seconds."""
        versions = await self._pin(await self._versions(tags))
        body = _adapter(type(value)).dump_json(value)
        await self._write(key, body, ttl, versions)

    async def delete(self, *keys: str) -> None:
        """Drop the values of `keys`; a load of them that is under way is not kept."""
        names = [name for key in keys for name in (self._value(key), self._lock(key))]
        await self._store.delete(names)

    async def delete_tags(self, *tags: str) -> None:
        """Drop everything that was stored with one of `tags`, in every process that shares the store.

        Call it after the commit that made it stale, not before.
        """
        await self._store.delete([self._tag(tag) for tag in tags])

    @overload
    async def get_or_load(
        self,
        key: str,
        type_: type[T],
        load: Callable[[], Awaitable[T]],
        *,
        ttl: float,
        tags: Sequence[str] = (),
        early: float = 0.0,
    ) -> T: ...

    @overload
    async def get_or_load(
        self,
        key: str,
        type_: TypeAdapter[T],
        load: Callable[[], Awaitable[T]],
        *,
        ttl: float,
        tags: Sequence[str] = (),
        early: float = 0.0,
    ) -> T: ...

    async def get_or_load(
        self,
        key: str,
        type_: type[T] | TypeAdapter[T],
        load: Callable[[], Awaitable[T]],
        *,
        ttl: float,
        tags: Sequence[str] = (),
        early: float = 0.0,
    ) -> T:
        """The value of `key`; when there is none, `load` it, once for all who ask meanwhile.

        `early`: in the last so many seconds of an entry's life one caller loads it anew while the
        others are still answered from it. What a load returns is what later hits return: a value
        of `type_`, read from its JSON.
        """
        adapter = _adapter(type_)

        async def body() -> bytes:
            return adapter.dump_json(await load())

        entry = await self.entry(key, body, ttl=ttl, tags=tags, early=early)
        if entry is not None:
            try:
                return adapter.validate_json(entry.body)
            except ValidationError:
                logger.info("an entry of another version of its type is replaced: %s", key)
        fresh = await body()
        await self._write(key, fresh, ttl, await self._pin(await self._versions(tags)))
        return adapter.validate_json(fresh)

    async def entry(
        self,
        key: str,
        load: Callable[[], Awaitable[bytes | None]],
        *,
        ttl: float,
        tags: Sequence[str] = (),
        early: float = 0.0,
        renew: bool = False,
    ) -> Entry | None:
        """The entry of `key`, loaded when needed or when to `renew` it; None is never kept."""
        found = await self._read(key, tags)
        if found.entry is not None and not renew:
            if found.entry.remaining(time()) >= early or key in self._flights:
                _count("hit")
                return found.entry
            return await self._refresh(found, key, load, ttl)
        _count("miss")
        return await self._flights.run(
            key, lambda: self._load(key, load, ttl, found.versions, renew=renew)
        )

    async def check(self) -> None:
        """Raise `DegradedError` when the backend does not answer."""
        await self._store.check()

    async def _refresh(
        self, found: Found, key: str, load: Callable[[], Awaitable[bytes | None]], ttl: float
    ) -> Entry | None:
        """Load before the entry ends; if another process does or the load fails, the entry stays."""
        token = _token()
        if not await self._take(key, token):
            _count("hit")
            return found.entry
        _count("early")
        versions = found.versions
        try:
            return await self._flights.run(
                key, lambda: self._load_holding(key, token, load, ttl, versions)
            )
        except Exception:
            logger.exception("early refresh failed: %s", key)
            return found.entry

    async def _load(
        self,
        key: str,
        load: Callable[[], Awaitable[bytes | None]],
        ttl: float,
        versions: dict[str, str | None],
        *,
        renew: bool,
    ) -> Entry | None:
        token = _token()
        if not await self._take(key, token):
            theirs = None if renew else await self._other(key, tuple(versions))
            if theirs is not None:
                return theirs
            # They take too long, or have died: take over.
            await self._store.set(self._lock(key), token, self.settings.load_timeout)
        if not renew:
            # The look that brought us here may have been before another's load, and come back after.
            found = await self._read(key, tuple(versions))
            if found.entry is not None:
                await self._store.delete([self._lock(key)])
                return found.entry
            versions = found.versions
        return await self._load_holding(key, token, load, ttl, versions)

    async def _load_holding(
        self,
        key: str,
        token: bytes,
        load: Callable[[], Awaitable[bytes | None]],
        ttl: float,
        versions: dict[str, str | None],
    ) -> Entry | None:
        """Load while holding the lock; keep the result if the lock is still ours then."""
        lock = self._lock(key)
        try:
            pinned = await self._pin(versions)
            body = await load()
            (holder,) = await self._store.get_many([lock])
            if body is None:
                return None
            if holder == token:
                return await self._write(key, body, ttl, pinned)
            return Entry(body, time(), ttl, pinned)
        finally:
            await self._store.delete([lock])

    async def _take(self, key: str, token: bytes) -> bool:
        return await self._store.add(self._lock(key), token, self.settings.load_timeout)

    async def _other(self, key: str, tags: Sequence[str]) -> Entry | None:
        """What the process that holds the lock stores, None when it does not do so in time."""
        pause, until = 0.01, time() + self.settings.flight_wait
        while time() < until:
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 1.5, 0.1)
            found = await self._read(key, tags)
            if found.entry is not None:
                return found.entry
            (holder,) = await self._store.get_many([self._lock(key)])
            if holder is None:
                return None
        return None

    async def _read(self, key: str, tags: Sequence[str]) -> Found:
        """One round trip when `tags` are those that the entry was stored with."""
        names = [self._value(key), *map(self._tag, tags)]
        raw, *found = await self._store.get_many(names)
        versions = dict(zip(tags, map(_text, found), strict=True)) if tags else {}
        entry = Entry.decode(raw) if raw is not None else None
        if entry is None or entry.remaining(time()) <= 0:
            return Found(None, versions)
        if not entry.tags:
            return Found(entry, versions)
        if unknown := entry.tags.keys() - versions.keys():
            versions |= await self._versions(tuple(unknown))
        current = all(versions[tag] == version for tag, version in entry.tags.items())
        return Found(entry if current else None, versions)

    async def _versions(self, tags: Sequence[str]) -> dict[str, str | None]:
        found = await self._store.get_many([self._tag(tag) for tag in tags]) if tags else []
        return dict(zip(tags, map(_text, found), strict=True))

    async def _pin(self, versions: Mapping[str, str | None]) -> dict[str, str]:
        """The versions, after giving one to each tag that has none."""
        missing = [tag for tag, version in versions.items() if version is None]
        for tag in missing:
            await self._store.add(self._tag(tag), _token(), TAG_SECONDS)
        current = {**versions, **await self._versions(missing)}
        # A tag that is dropped at this very moment leaves "": such an entry never counts.
        return {tag: version or "" for tag, version in current.items()}

    async def _write(self, key: str, body: bytes, ttl: float, tags: Mapping[str, str]) -> Entry:
        ttl *= 1 - random.uniform(0, self.settings.jitter)
        entry = Entry(body, time(), ttl, tags)
        await self._store.set(self._value(key), entry.encode(), ttl)
        return entry

    def _value(self, key: str) -> str:
        return f"{self._prefix}v:{digest(key.encode())}"

    def _lock(self, key: str) -> str:
        return f"{self._prefix}l:{digest(key.encode())}"

    def _tag(self, tag: str) -> str:
        return f"{self._prefix}t:{digest(tag.encode())}"


def _adapter(type_: type[T] | TypeAdapter[T]) -> TypeAdapter[T]:
    if isinstance(type_, TypeAdapter):
        return type_
    key: Any = type_  # mypy doubts that a class can be hashed
    return _adapter_of(key)


@lru_cache(maxsize=1024)
def _adapter_of(type_: Any) -> TypeAdapter[Any]:  # noqa: ANN401 - any type that pydantic knows
    return TypeAdapter(type_)


def _value(entry: Entry, adapter: TypeAdapter[Any]) -> Any:  # noqa: ANN401 - the adapter knows the type
    try:
        return adapter.validate_json(entry.body)
    except ValidationError:
        return None


def _token() -> bytes:
    return b"%016x" % random.getrandbits(64)


def _text(version: bytes | None) -> str | None:
    return None if version is None else version.decode()


def _count(result: str) -> None:
    count("cache_requests", result=result)
