"""The application: settings, components, middleware, routers, errors."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import metadata
from typing import Any

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI

from app import api, errors
from app.components import COMPONENTS, open_components
from app.events import gauge, sampling
from app.logging import configure_logging
from app.middleware import RequestMiddleware
from app.settings import Settings

logger = logging.getLogger("app")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    """Open the components; what is yielded is `request.state` of every request."""
    settings: Settings = app.state.settings
    logger.info("event loop: %s", type(asyncio.get_running_loop()).__module__)
    current_default_thread_limiter().total_tokens = settings.server.threads
    in_flight = app.state.in_flight

    def tell_in_flight() -> None:
        gauge("http_requests_in_flight", len(in_flight))

    async with open_components(settings) as clients:
        for component in COMPONENTS:
            if component.warm is not None:
                await component.warm(clients)
        # What lives as long as the process is not walked by every garbage collection: without this,
        # collections of the oldest generation show as latency peaks. To collect before it would
        # take a tenth of the start, and finds next to nothing.
        gc.freeze()
        with sampling(tell_in_flight):
            yield {**clients, "clients": clients}


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application; `settings` are read from the environment when not given."""
    settings = settings or Settings()
    configure_logging(settings.log)
    package = metadata("demo")
    app = FastAPI(
        title=package["Name"],
        description=package["Summary"],
        version=package["Version"],
        lifespan=lifespan,
        # FastAPI's own telemetry costs time on every request even when nothing listens.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.settings = settings
    app.state.observers = []
    app.state.starters = []
    app.state.in_flight = {}
    errors.install(app)
    api.install(app)
    for component in COMPONENTS:
        if component.install is not None:
            component.install(app)
    app.add_middleware(
        RequestMiddleware,
        observers=app.state.observers,
        starters=app.state.starters,
        request_timeout=settings.server.request_timeout,
        max_in_flight=settings.server.max_in_flight,
        in_flight=app.state.in_flight,
    )
    return app


app = create_app()
