"""How the process itself is: the lag of its event loop, its processor time and memory.

What others want to have looked at (`app.events.sampling`) is looked at here, too.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

from app.events import count, duration, gauge, samplers

if TYPE_CHECKING:
    from app.settings import Settings

PAUSE = 1.0
"""Seconds between two looks."""
PAGES = Path("/proc/self/statm")
"""On Linux: the second number is the memory that is held, in pages."""


@asynccontextmanager
async def lifespan(_settings: "Settings") -> AsyncIterator[None]:
    """Look until the end."""
    looking = asyncio.create_task(_look())
    try:
        yield
    finally:
        looking.cancel()


async def _look() -> None:
    loop, used = asyncio.get_running_loop(), 0.0
    while True:
        now = process_time()
        count("process_cpu_seconds", now - used)
        used = now
        _tell_memory()
        for tell in samplers:
            tell()
        asked = loop.time() + PAUSE
        await asyncio.sleep(PAUSE)
        duration("event_loop_lag", max(0.0, loop.time() - asked))


def _tell_memory() -> None:
    if PAGES.exists():
        pages = int(PAGES.read_text(encoding="ascii").split()[1])
        gauge("process_resident_memory_bytes", pages * os.sysconf("SC_PAGE_SIZE"))
