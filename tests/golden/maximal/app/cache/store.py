"""What a backend has to offer: a map from keys to bytes that forgets."""

from collections.abc import Sequence
from typing import Protocol


class Store(Protocol):
    """A key-value store with lifetimes; keys are short ASCII text without spaces.

    An implementation for a server raises nothing when that server does not answer: it behaves
    like an empty store whose `add` succeeds, so that every caller goes on by itself.
    """

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values in the order of `keys`, None for what is not there; one round trip."""

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        """Keep `value` for `ttl` seconds, or for less where room is short."""

    async def add(self, key: str, value: bytes, ttl: float) -> bool:
        """Like `set`, but only when the key is free; says whether it was. Atomic."""

    async def delete(self, keys: Sequence[str]) -> None:
        """Forget the keys, for every process that uses the store."""

    async def check(self) -> None:
        """Raise `app.errors.DegradedError` when the store cannot be used."""
