"""Warming: what is loaded into the cache before the first request comes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

Warmer = Callable[[dict[str, Any]], Awaitable[None]]
W = TypeVar("W", bound=Warmer)

logger = logging.getLogger("app.cache")

_warmers: list[Warmer] = []


def warmer(function: W) -> W:
    """Run `function(clients)` at every start of the service; decorate it where routes import it."""
    _warmers.append(function)
    return function


async def run_warmers(clients: dict[str, Any], seconds: float) -> None:
    """Run all warmers side by side; what fails or takes too long is logged and left."""
    if not _warmers:
        return
    tasks = [asyncio.ensure_future(warm(clients)) for warm in _warmers]
    done, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    for error in (task.exception() for task in done if not task.cancelled()):
        if error is not None:
            logger.warning("a warmer failed", exc_info=error)
    logger.info("cache warmed by %d of %d warmers", len(done), len(tasks))
