"""The cache, on the backend of the service."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import pytest
from fastapi import Depends
from pydantic import BaseModel, TypeAdapter

from app.cache import CacheClient, cached, warmer
from app.cache.keys import key_of
from app.cache.warming import run_warmers


class Item(BaseModel):
    id: int
    price: Decimal
    made: datetime


ITEM = Item(id=1, price=Decimal("9.90"), made=datetime(2026, 1, 2, tzinfo=UTC))


class Loader:
    """Counts its calls; a load lasts until `gate` is set."""

    def __init__(self, *, held: bool = False) -> None:
        self.calls = 0
        self.started = asyncio.Event()
        self.gate = asyncio.Event()
        if not held:
            self.gate.set()

    async def __call__(self) -> int:
        self.calls += 1
        call = self.calls
        self.started.set()
        await self.gate.wait()
        return call


async def test_a_value_comes_back_with_its_type(cache: CacheClient) -> None:
    await cache.set("item", ITEM, ttl=60)
    assert await cache.get("item", Item) == ITEM
    await cache.set("items", [ITEM], ttl=60)
    assert await cache.get("items", list[Item]) == [ITEM]


async def test_what_is_not_there_is_none(cache: CacheClient) -> None:
    assert await cache.get("nothing", Item) is None
    await cache.set("text", "no item", ttl=60)
    assert await cache.get("text", Item) is None


async def test_a_value_ends_with_its_lifetime(cache: CacheClient) -> None:
    await cache.set("short", 1, ttl=0.05)
    await asyncio.sleep(0.1)
    assert await cache.get("short", int) is None


async def test_a_dropped_value_is_gone(cache: CacheClient) -> None:
    await cache.set("one", 1, ttl=60)
    await cache.delete("one")
    assert await cache.get("one", int) is None


async def test_a_load_is_kept(cache: CacheClient) -> None:
    load = Loader()
    values = [await cache.get_or_load("key", int, load, ttl=60) for _ in range(3)]
    assert values == [1, 1, 1]


async def test_nothing_found_is_kept_too(cache: CacheClient) -> None:
    calls = 0

    async def load() -> int | None:
        nonlocal calls
        calls += 1
        return None

    adapter: TypeAdapter[int | None] = TypeAdapter(int | None)
    for _ in range(2):
        assert await cache.get_or_load("key", adapter, load, ttl=60) is None
    assert calls == 1


async def test_an_entry_of_another_type_is_loaded_anew(cache: CacheClient) -> None:
    await cache.set("key", "text", ttl=60)
    load = Loader()
    for _ in range(2):
        assert await cache.get_or_load("key", int, load, ttl=60) == 1


async def test_a_tag_drops_what_was_stored_with_it(cache: CacheClient) -> None:
    load = Loader()

    async def value() -> int:
        return await cache.get_or_load("key", int, load, ttl=60, tags=("a", "b"))

    await cache.set("other", 7, ttl=60, tags=("c",))
    assert [await value(), await value()] == [1, 1]
    await cache.delete_tags("b")
    assert [await value(), await value()] == [2, 2]
    assert await cache.get("key", int) == 2
    await cache.delete_tags("a")
    assert await cache.get("key", int) is None
    assert await cache.get("other", int) == 7


@pytest.mark.parametrize("drop", [CacheClient.delete_tags, CacheClient.delete])
async def test_a_load_that_began_before_the_change_is_not_kept(
    cache: CacheClient, drop: Callable[[CacheClient, str], Any]
) -> None:
    old, new = Loader(held=True), Loader()
    loading = asyncio.ensure_future(cache.get_or_load("name", int, old, ttl=60, tags=("name",)))
    await old.started.wait()
    await drop(cache, "name")
    old.gate.set()
    await loading
    await cache.get_or_load("name", int, new, ttl=60, tags=("name",))
    assert new.calls == 1


async def test_a_hundred_misses_load_once(cache: CacheClient) -> None:
    load = Loader(held=True)
    asked = [asyncio.ensure_future(cache.get_or_load("key", int, load, ttl=60)) for _ in range(100)]
    await load.started.wait()
    load.gate.set()
    assert await asyncio.gather(*asked) == [1] * 100


async def test_the_error_of_a_load_reaches_all_and_is_not_kept(cache: CacheClient) -> None:
    async def fail() -> int:
        await asyncio.sleep(0.01)
        raise LookupError("gone")

    asked = [cache.get_or_load("key", int, fail, ttl=60) for _ in range(3)]
    errors = await asyncio.gather(*asked, return_exceptions=True)
    assert {str(error) for error in errors} == {"gone"}
    assert await cache.get_or_load("key", int, Loader(), ttl=60) == 1


async def test_when_the_loading_caller_is_cancelled_another_takes_over(cache: CacheClient) -> None:
    first, second = Loader(held=True), Loader()
    leading = asyncio.ensure_future(cache.get_or_load("key", int, first, ttl=60))
    await first.started.wait()
    waiting = asyncio.ensure_future(cache.get_or_load("key", int, second, ttl=60))
    await asyncio.sleep(0.01)
    leading.cancel()
    assert await waiting == 1
    assert second.calls == 1
    assert leading.cancelled()


async def test_an_early_refresh_makes_nobody_else_wait(cache: CacheClient) -> None:
    await cache.get_or_load("key", int, Loader(), ttl=60)
    slow = Loader(held=True)
    slow.calls = 1
    refreshing = asyncio.ensure_future(cache.get_or_load("key", int, slow, ttl=60, early=61))
    await slow.started.wait()
    assert await cache.get_or_load("key", int, slow, ttl=60, early=61) == 1
    slow.gate.set()
    assert await refreshing == 2
    assert await cache.get("key", int) == 2


async def test_a_failed_early_refresh_keeps_the_value(cache: CacheClient) -> None:
    async def fail() -> int:
        raise ConnectionError

    await cache.get_or_load("key", int, Loader(), ttl=60)
    assert await cache.get_or_load("key", int, fail, ttl=60, early=61) == 1


async def test_another_version_starts_empty(cache: CacheClient) -> None:
    await cache.set("key", 1, ttl=60)
    newer = cache.settings.model_copy(update={"version": 2})
    assert await CacheClient(cache._store, newer).get("key", int) is None


class Shelf:
    """What a cached function works with."""

    def __init__(self) -> None:
        self.reads = 0

    async def price(self) -> Decimal:
        self.reads += 1
        return Decimal("2.50")


@cached(ttl=60, tags=("shelf", "item:{item_id}"))
async def price(shelf: Shelf, *, item_id: int, currency: str = "EUR") -> Decimal:
    return await shelf.price() * item_id


async def test_dependencies_do_not_enter_the_key(cache: CacheClient) -> None:
    first, second = Shelf(), Shelf()
    assert await price(cache, first, item_id=2) == Decimal("5.00")
    assert await price(cache, second, currency="EUR", item_id=2) == Decimal("5.00")
    assert (first.reads, second.reads) == (1, 0)
    await price(cache, second, item_id=2, currency="USD")
    assert second.reads == 1


async def test_tags_take_their_names_from_arguments(cache: CacheClient) -> None:
    shelf = Shelf()
    await price(cache, shelf, item_id=2)
    await cache.delete_tags("item:3")
    await price(cache, shelf, item_id=2)
    assert shelf.reads == 1
    await cache.delete_tags("item:2")
    await price(cache, shelf, item_id=2)
    assert shelf.reads == 2


def test_a_keyword_dependency_is_refused() -> None:
    async def function(*, shelf: Annotated[Shelf, Depends(Shelf)]) -> int:
        return 1

    with pytest.raises(TypeError, match="pass shelf by position"):
        cached(ttl=1)(function)


def test_what_is_no_value_cannot_be_in_a_key() -> None:
    with pytest.raises(TypeError, match="Shelf cannot be part"):
        key_of("f", {"shelf": Shelf()})


def test_equal_arguments_give_equal_keys() -> None:
    one = key_of("f", {"a": {"x": 1, "y": {"b", "a"}}, "item": ITEM})
    two = key_of("f", {"item": ITEM.model_copy(), "a": {"y": {"a", "b"}, "x": 1}})
    assert one == two
    assert key_of("f", {"a": "1"}) != key_of("f", {"a": 1})


def test_keys_are_the_same_in_every_process() -> None:
    code = (
        "from app.cache.keys import key_of; print(key_of('f', {'a': {'x', 'y', 'z'}, 'b': 'text'}))"
    )
    keys = {
        subprocess.run(  # noqa: S603 - our own code
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(keys) == 1


async def test_warmers_are_bounded_and_may_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.cache.warming._warmers", [])
    ran: list[str] = []

    @warmer
    async def good(clients: dict[str, Any]) -> None:
        ran.append(clients["name"])

    @warmer
    async def broken(_clients: dict[str, Any]) -> None:
        raise RuntimeError

    @warmer
    async def endless(_clients: dict[str, Any]) -> None:
        await asyncio.Event().wait()

    await run_warmers({"name": "warm"}, 0.05)
    assert ran == ["warm"]
