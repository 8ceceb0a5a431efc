"""Entries: the bytes of a value with what is needed to judge them, in one stored value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from pydantic_core import from_json, to_json


@dataclass(frozen=True, slots=True)
class Entry:
    """A cached value."""

    body: bytes
    stored: float
    """When it was stored, in seconds since the epoch."""
    ttl: float
    """For how many seconds it was stored."""
    tags: Mapping[str, str]
    """Its tags with the version that each had before the value was loaded."""

    def remaining(self, now: float) -> float:
        """Seconds that are left."""
        return self.stored + self.ttl - now

    def encode(self) -> bytes:
        """A line of JSON, then the value."""
        return to_json([self.stored, self.ttl, self.tags]) + b"\n" + self.body

    @classmethod
    def decode(cls, raw: bytes) -> Self | None:
        """The entry, None for what no version of this module wrote."""
        head, separator, body = raw.partition(b"\n")
        try:
            stored, ttl, tags = from_json(head)
        except ValueError:
            return None
        return cls(body, stored, ttl, tags) if separator else None
