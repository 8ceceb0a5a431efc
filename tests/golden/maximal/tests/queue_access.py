"""How tests reach the queue as it is, past the one that other tests use instead."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import queue_server

from app.after_commit import Deferred
from app.queue import QueueClient
from app.settings import Settings

KEEPS_KEYS = False
"""Whether a job is not enqueued again while its key is known."""


def require() -> None:
    """Skip where there is no broker; a failure in continuous integration."""
    if queue_server.MISSING:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing(queue_server.MISSING)


@asynccontextmanager
async def request(clients: dict[str, Any], _settings: Settings) -> AsyncIterator[QueueClient]:
    """The queue of a request that commits at the end, unless it fails."""
    after_commit = Deferred()
    yield QueueClient(clients["queue"], after_commit)
    await after_commit.run()
