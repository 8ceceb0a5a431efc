"""Routes that show what reaches the service; a test adds this file to a rendered project."""

import asyncio
import logging
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse, StreamingResponse

INSTALLATION = """
from app import edge_probe

edge_probe.install(app)
"""


def add_to(project: Path) -> None:
    """Put this module into a rendered project."""
    shutil.copy(__file__, project / "app" / "edge_probe.py")
    with (project / "app" / "main.py").open("a", encoding="utf-8") as main:
        main.write(INSTALLATION)


def install(app: FastAPI) -> None:
    """Add the routes to the application, and a line in the log at its regular end."""
    opened = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Any]:
        async with opened(app) as state:
            yield state
        logging.getLogger("app.probe").info("closed regularly")

    app.router.lifespan_context = lifespan

    @app.get("/probe/seen")
    async def seen(request: Request) -> JSONResponse:
        client = request.client.host if request.client else None
        headers = dict(request.headers)
        return JSONResponse({"client": client, "scheme": request.url.scheme, "headers": headers})

    @app.get("/probe/large")
    async def large() -> JSONResponse:
        return JSONResponse({"text": "word " * 2000})

    @app.get("/probe/slow")
    async def slow(seconds: float = 0.2) -> JSONResponse:
        await asyncio.sleep(seconds)
        return JSONResponse(os.getpid())

    @app.get("/probe/events")
    async def events() -> StreamingResponse:
        async def lines() -> AsyncIterator[bytes]:
            for number in range(3):
                yield f"data: {number} {'x' * 2000}\n\n".encode()
                await asyncio.sleep(0.3)

        headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
        return StreamingResponse(lines(), media_type="text/event-stream", headers=headers)

    @app.websocket("/probe/echo")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        async for text in socket.iter_text():
            await socket.send_text(f"{text} from {socket.client.host if socket.client else None}")
