"""Help while developing: what holds the event loop, and where the time of one request goes."""

import asyncio
import logging
import os
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from pydantic import BaseModel, NonNegativeInt
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from app.settings import Settings

ASKED = b"profile=1"
"""In the query of a request that is to be profiled."""

FRAMES = 12
"""How much of the stack is logged: what holds the loop is at its end."""

IDLE = frozenset({"asyncio", "granian", "selectors", "uvloop"})
"""Packages in which a loop is that waits: where it is late then, the machine is busy."""

logger = logging.getLogger("app.development")


class DevelopmentSettings(BaseModel):
    """What costs time, or tells strangers too much, anywhere else."""

    blocking_ms: NonNegativeInt
    """Who holds the event loop for longer is logged; 0 to not look."""
    profile: bool
    """Whether a request with `?profile=1` is answered with its profile."""
    memory_profile: Path | None = None
    """A folder: each process writes there what it allocates, for `memray`."""


@asynccontextmanager
async def lifespan(settings: "Settings") -> AsyncIterator[None]:
    """Watch the event loop, and memory if asked to, until the end."""
    development = settings.development
    with _watched(development.blocking_ms / 1000), _traced(development.memory_profile):
        yield


@contextmanager
def _watched(limit: float) -> Iterator[None]:
    if not limit:
        yield
        return
    watchdog = Watchdog(asyncio.get_running_loop(), limit)
    watchdog.start()
    try:
        yield
    finally:
        watchdog.stop()


@contextmanager
def _traced(folder: Path | None) -> Iterator[None]:
    if folder is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with _tool("memray").Tracker(folder / f"memory-{os.getpid()}.bin"):
        yield


def _tool(name: str) -> Any:  # noqa: ANN401 - a module
    """A package that is there for development only, unknown where types are checked without it."""
    return import_module(name)


class Watchdog(threading.Thread):
    """Logs where the event loop is when it has done nothing else for `limit` seconds.

    A debug mode of asyncio would name the task, which is the whole request, not the line.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: float) -> None:
        """Watch `loop`, which runs in the thread that calls this."""
        super().__init__(name="watchdog", daemon=True)
        self._loop = loop
        self._limit = limit
        self._watched = threading.get_ident()
        self._ended = threading.Event()

    def run(self) -> None:
        """Look until `stop` is called."""
        while not self._ended.wait(self._limit):
            turned = threading.Event()
            self._loop.call_soon_threadsafe(turned.set)
            if turned.wait(self._limit):
                continue
            self._tell()  # once, however long it takes
            while not turned.wait(self._limit) and not self._ended.is_set():
                pass

    def stop(self) -> None:
        """End the watch; to be called while the loop still runs."""
        self._ended.set()

    def _tell(self) -> None:
        frame = sys._current_frames().get(self._watched)
        if frame is None:
            return
        module = frame.f_globals.get("__name__", "")  # generated code may have none
        if module.partition(".")[0] in IDLE:
            return
        stack = "".join(traceback.format_stack(frame, FRAMES))
        held = f"the event loop is held for more than {self._limit * 1000:.0f} ms"
        logger.warning(held, extra={"fields": {"exception": stack}})


def install(app: FastAPI) -> None:
    """Profile requests that ask for it, where settings allow it."""
    settings: Settings = app.state.settings
    if not settings.development.profile:
        return
    try:
        profiler = _tool("pyinstrument").Profiler
    except ImportError:
        logger.warning("no profiles: pyinstrument comes with the requirements of development")
    else:
        app.add_middleware(ProfileMiddleware, profiler)


class ProfileMiddleware:
    """Answers `?profile=1` with where the time went, instead of the answer."""

    def __init__(self, app: ASGIApp, profiler: Callable[..., Any]) -> None:
        """Wrap `app`; `profiler` is pyinstrument's."""
        self.app = app
        self._profiler = profiler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or ASKED not in scope["query_string"].split(b"&"):
            await self.app(scope, receive, send)
            return

        async def drop(_message: Message) -> None:
            """The answer itself is of no interest."""

        with self._profiler(async_mode="enabled") as profiler:
            await self.app(scope, receive, drop)
        await HTMLResponse(profiler.output_html())(scope, receive, send)
