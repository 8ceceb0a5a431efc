"""How tests reach the queue as it is, past the one that other tests use instead."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from app.queue import QueueClient
from app.settings import Settings

KEEPS_KEYS = True
"""Whether a job is not enqueued again while its key is known."""


def require() -> None:
    """The queue is in the database, without which no test runs."""


@asynccontextmanager
async def request(clients: dict[str, Any], settings: Settings) -> AsyncIterator[QueueClient]:
    """The queue of a request that commits at the end, unless it fails."""
    async with clients["database"].transaction() as session:
        yield QueueClient(session, settings.queue.name)
