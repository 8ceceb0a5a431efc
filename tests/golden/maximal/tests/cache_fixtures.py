"""Caches that no other test uses."""

import os
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import cache_server
import pytest

from app.cache import CacheClient, lifespan
from app.settings import Settings


def unused(settings: Settings) -> Settings:
    """The settings with a namespace in which nothing is stored yet."""
    cache = settings.cache.model_copy(update={"namespace": uuid4().hex, "jitter": 0.0})
    return settings.model_copy(update={"cache": cache})


@pytest.fixture
async def cache(settings: Settings) -> AsyncIterator[CacheClient]:
    """An empty cache."""
    if cache_server.MISSING:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing(cache_server.MISSING)
    async with lifespan(unused(settings)) as client:
        yield client


@pytest.fixture
async def state(state: dict[str, Any], settings: Settings) -> AsyncIterator[dict[str, Any]]:
    """The opened components, with a cache that is empty."""
    async with lifespan(unused(settings)) as client:
        yield state | {"cache": client, "clients": state["clients"] | {"cache": client}}
