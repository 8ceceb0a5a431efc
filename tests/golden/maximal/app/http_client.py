"""Calls to other services: one client per process, bounded in every direction.

What sends them, `app.outbound`, is imported and opened beside the start, of which it would be a fifth.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request
from pydantic import BaseModel, NonNegativeInt, PositiveFloat, PositiveInt

from app.errors import UnavailableError

if TYPE_CHECKING:
    from httpx2 import Response

    from app.outbound import Outbound
    from app.settings import Settings


class HttpClientSettings(BaseModel):
    """The limits of outbound calls; times are seconds."""

    connect_timeout: PositiveFloat = 1.0
    read_timeout: PositiveFloat = 3.0
    """The longest silence of the other side."""
    pool_timeout: PositiveFloat = 1.0
    """The longest wait for a free connection."""
    total_timeout: PositiveFloat = 8.0
    """For one call with its retries; below the time limit of a request."""
    max_connections: PositiveInt = 100
    max_per_service: PositiveInt = 25
    """Calls in flight to one service; more are refused at once."""
    retries: NonNegativeInt = 2
    breaker_failures: PositiveInt = 5
    """So many failures in a row, and the service is not called for `breaker_seconds`."""
    breaker_seconds: PositiveFloat = 10.0


class UpstreamError(UnavailableError):
    """Another service did not answer, or answered with an error of its own."""


class HttpClient:
    """The client of this process; share it."""

    def __init__(self, opening: "asyncio.Task[Outbound]") -> None:
        """Send through what is opened; the first call waits for it."""
        self._opening = opening

    async def get(self, url: str, **options: Any) -> "Response":  # noqa: ANN401 - httpx2's options
        """GET; see `request`."""
        return await self.request("GET", url, **options)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        **options: Any,  # noqa: ANN401 - httpx2's options
    ) -> "Response":
        """The response, with any status below 500; `UpstreamError` when there is none in time.

        The id of the present request and its trace go along.
        """
        outbound = await asyncio.shield(self._opening)
        return await outbound.request(method, url, headers, options)


@asynccontextmanager
async def lifespan(settings: "Settings") -> AsyncIterator[HttpClient]:
    """Open the client, close its connections at the end."""
    opening = open_outbound(settings.http_client)
    try:
        yield HttpClient(opening)
    finally:
        await (await opening).aclose()


def open_outbound(limits: HttpClientSettings) -> "asyncio.Task[Outbound]":
    """Import and open it in a thread: it also reads the certificates."""
    return asyncio.create_task(asyncio.to_thread(_outbound, limits))


def _outbound(limits: HttpClientSettings) -> "Outbound":
    from app.outbound import Outbound

    return Outbound(limits)


async def _http_client(request: Request) -> HttpClient:
    client: HttpClient = request.state.clients["http_client"]
    return client


# With its scope, which FastAPI would otherwise work out anew for each request.
Http = Annotated[HttpClient, Depends(_http_client, scope="request")]
"""The client, as a dependency of a route."""
