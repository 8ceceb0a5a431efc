"""The bounds of the in-process cache."""

import pytest

from app.cache.backend import BackendSettings, open_store


@pytest.mark.parametrize(
    ("bounds", "size", "kept"),
    [({"max_entries": 10, "max_bytes": 10_000_000}, 1, 10), ({"max_bytes": 100_000}, 9_700, 10)],
)
async def test_the_oldest_go_when_room_is_short(
    bounds: dict[str, int], size: int, kept: int
) -> None:
    async with open_store(BackendSettings(**bounds)) as store:
        names = [f"key{number}" for number in range(100)]
        for name in names:
            await store.set(name, b"x" * size, 60)
            await store.get_many(["key0"])  # used all the time: it stays
        values = await store.get_many(names)
    found = [name for name, value in zip(names, values, strict=True) if value is not None]
    assert found == ["key0", *names[-(kept - 1) :]]


async def test_what_is_larger_than_the_cache_is_not_kept() -> None:
    async with open_store(BackendSettings(max_bytes=1000)) as store:
        await store.set("key", b"x" * 1000, 60)
        assert await store.get_many(["key"]) == [None]
