"""The technologies of the service, in the order in which they are opened."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
)
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from app import compression, development, log_level
from app.settings import Settings


@dataclass(frozen=True)
class Component:
    """One technology: the hooks of its module. `name` is also that of its client in the state."""

    name: str
    lifespan: Callable[[Settings], AbstractAsyncContextManager[Any]] | None = None
    """Opens the client, yields it, closes it."""
    check: Callable[[Any], Awaitable[None]] | None = None
    """Raises when the client's peer cannot be used; `/readyz` calls it."""
    install: Callable[[FastAPI], None] | None = None
    """Adds routes, error handlers or observers to the application."""
    warm: Callable[[dict[str, Any]], Awaitable[None]] | None = None
    """Called with all clients when every component is open, before the first request."""
    migrate: Callable[[Settings], Awaitable[None]] | None = None
    """Brings its own tables up to date; called by `app.migrate`, under the lock of migrations."""
    prepare: Callable[[Settings], None] | None = None
    """Called once in the parent process, before the worker processes start."""
    release: Callable[[], None] | None = None
    """Called in the parent process when it ends: takes back what `prepare` made."""
    worker: Callable[[Settings, dict[str, Any]], AbstractContextManager[None]] | None = None
    """Entered by a process that runs jobs, with all clients, as long as it does."""


COMPONENTS: tuple[Component, ...] = (
    Component(
        "log_level",
        lifespan=log_level.lifespan,
    ),
    Component(
        "development",
        lifespan=development.lifespan,
        install=development.install,
    ),
    Component(
        "compression",
        install=compression.install,
    ),
)


@asynccontextmanager
async def open_components(settings: Settings) -> AsyncIterator[dict[str, Any]]:
    """Open every component in order; yield the clients by name; close in reverse order."""
    clients: dict[str, Any] = {}
    async with AsyncExitStack() as stack:
        for component in COMPONENTS:
            if component.lifespan is not None:
                client = await stack.enter_async_context(component.lifespan(settings))
                clients[component.name] = client
        yield clients
