"""ASGI and a pool, nothing else: what the server and the driver cost."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import asyncpg
from product import FIND, pool

Message = MutableMapping[str, Any]
HEADERS = [(b"content-type", b"application/json")]
state: dict[str, asyncpg.Pool] = {}


async def lifespan(
    receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Open the pool, and close it at the end."""
    await receive()
    async with pool() as state["pool"]:
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def app(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Answer with one row, whatever the path before its key."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    row = await state["pool"].fetchrow(FIND, int(scope["path"].rpartition("/")[2]))
    body = json.dumps(dict(row), default=str).encode()
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": body})
