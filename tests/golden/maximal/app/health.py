"""Health: `/livez` says that the process answers, `/readyz` that what it needs does too."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request, Response

from app.components import COMPONENTS
from app.errors import DegradedError

CHECK_TIMEOUT = 2.0
"""Seconds for one check: less than the timeout of a probe, so that its answer names the culprit."""

router = APIRouter(tags=["health"])


@router.get("/livez")
async def live() -> dict[str, str]:
    """The process runs; nothing else is asked, so that a dead database restarts nobody."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"description": "A component does not answer"}})
async def ready(request: Request, response: Response) -> dict[str, str]:
    """Every component answers within its time; otherwise 503 and what was seen."""
    clients: dict[str, Any] = request.state.clients
    checks = {one.name: one.check for one in COMPONENTS if one.check is not None}
    results = await asyncio.gather(
        *(_result(check, clients.get(name)) for name, check in checks.items())
    )
    if not {*results} <= {"ok", "degraded"}:
        response.status_code = 503
    return dict(zip(checks, results, strict=True))


async def _result(check: Callable[[Any], Awaitable[None]], client: object) -> str:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            await check(client)
    except DegradedError:
        return "degraded"
    except TimeoutError:
        return "timeout"
    except Exception as error:  # noqa: BLE001 - whatever a driver raises means: not ready
        return type(error).__name__
    return "ok"
