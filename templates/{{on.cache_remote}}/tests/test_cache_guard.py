"""A cache server that is slow or down costs little and fails no request; it returns by itself."""

import asyncio
import logging
from collections.abc import Sequence
from typing import ClassVar

import pytest

from app.cache import guard
from app.cache.guard import GuardedStore, GuardSettings
from app.errors import DegradedError

SETTINGS = GuardSettings(failures=3, first_pause=0.05, longest_pause=0.1)


class Server:
    """Stands for a server that can be switched off; counts what reaches it."""

    system: ClassVar[str] = "tests"

    def __init__(self) -> None:
        self.up = True
        self.asked = 0
        self.values: dict[str, bytes] = {}

    async def _answer(self) -> None:
        self.asked += 1
        await asyncio.sleep(0)
        if not self.up:
            raise ConnectionError("refused")

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        await self._answer()
        return [self.values.get(key) for key in keys]

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        await self._answer()
        self.values[key] = value

    async def add(self, key: str, value: bytes, ttl: float) -> bool:
        await self._answer()
        return self.values.setdefault(key, value) is value

    async def delete(self, keys: Sequence[str]) -> None:
        await self._answer()
        for key in keys:
            self.values.pop(key, None)

    async def check(self) -> None:
        await self._answer()

    async def reset(self) -> None:
        return


class Clock:
    """Goes on when a test says so: a busy machine must not end a pause."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(guard, "monotonic", found)
    return found


@pytest.fixture
async def server() -> Server:
    return Server()


@pytest.fixture
async def store(server: Server, clock: Clock) -> GuardedStore:
    return GuardedStore(server, (OSError,), SETTINGS)


async def test_a_dead_server_looks_like_an_empty_store(server: Server, store: GuardedStore) -> None:
    server.up = False
    assert await store.get_many(["a", "b"]) == [None, None]
    assert await store.add("a", b"1", 60)
    await store.set("a", b"1", 60)
    await store.delete(["a"])
    with pytest.raises(DegradedError):
        await store.check()


async def test_a_dead_server_is_left_alone(
    server: Server, store: GuardedStore, caplog: pytest.LogCaptureFixture
) -> None:
    server.up = False
    await asyncio.gather(*(store.get_many(["a"]) for _ in range(20)))
    assert server.asked == 20
    await asyncio.gather(*(store.get_many(["a"]) for _ in range(1000)))
    assert server.asked == 20
    assert [record.message for record in caplog.records] == [
        "cache is down, going on without it: ConnectionError: refused"
    ]


async def test_one_operation_tries_again_and_all_return(
    server: Server, store: GuardedStore, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server.values["a"] = b"1"
    server.up = False
    for _ in range(3):
        await store.get_many(["a"])
    clock.now += 0.07
    await asyncio.gather(*(store.get_many(["a"]) for _ in range(10)))
    assert server.asked == 4
    server.up = True
    clock.now += 0.13
    await asyncio.gather(*(store.get_many(["a"]) for _ in range(10)))
    assert server.asked == 5
    assert await store.get_many(["a"]) == [b"1"]
    assert [record.message for record in caplog.records][1:] == ["cache is back"]


async def test_what_could_not_be_dropped_is_dropped_before_the_next_read(
    server: Server, store: GuardedStore, clock: Clock
) -> None:
    server.values.update(a=b"old", b=b"old")
    server.up = False
    for _ in range(3):
        await store.delete(["a"])
    await store.delete(["b"])
    server.up = True
    clock.now += 0.07
    assert await store.get_many(["a", "b"]) == [None, None]


@pytest.mark.usefixtures("clock")
async def test_who_waits_for_a_turn_waits_for_a_dead_server_once(server: Server) -> None:
    settings = SETTINGS.model_copy(update={"max_connections": 4})
    store = GuardedStore(server, (OSError,), settings)
    server.up = False
    await asyncio.gather(*(store.get_many(["a"]) for _ in range(100)))
    assert server.asked == 4
