"""Calls to other services: one client per process, bounded in every direction.

Connections, time, requests in flight per service, retries and repeated failures each have a limit, so
that a service that is slow or down costs its callers little and other services nothing.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from random import SystemRandom
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request
from httpx2 import (
    URL,
    AsyncClient,
    ConnectError,
    ConnectTimeout,
    HTTPError,
    Limits,
    PoolTimeout,
    Response,
    Timeout,
)
from opentelemetry.propagate import inject
from opentelemetry.trace import SpanKind, get_tracer
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState
from pydantic import BaseModel, NonNegativeInt, PositiveFloat, PositiveInt

from app.errors import UnavailableError
from app.events import count, gauge
from app.logging import request_id

if TYPE_CHECKING:
    from app.settings import Settings

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""Methods that may be sent twice (RFC 9110, 9.2.2)."""
UNSENT = (ConnectError, ConnectTimeout, PoolTimeout)
"""The request did not leave: any method may be tried again."""
FIRST_PAUSE = 0.1
BUDGET = 10.0
BUDGET_PER_REQUEST = 0.1
"""A request earns a tenth of a retry, up to `BUDGET`: where everything fails, load grows by a tenth."""

logger = logging.getLogger("app.http_client")
random = SystemRandom()
tracer = get_tracer("app.http_client")  # makes spans where something records them


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


class _ServerError(HTTPError):
    """The other side answered with a status of 500 or more."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


class HttpClient:
    """The client of this process; share it."""

    def __init__(self, opening: asyncio.Task[AsyncClient], settings: HttpClientSettings) -> None:
        """Send through the client that is opened, within the limits of `settings`."""
        self._opening = opening
        self._settings = settings
        self._budget = BUDGET
        self._in_flight: defaultdict[str, int] = defaultdict(int)
        self._breakers = AsyncCircuitBreakerFactory(
            default_threshold=settings.breaker_failures, default_ttl=settings.breaker_seconds
        )
        self._breakers.add_listener(_breaker_changed)
        self._trials: set[str] = set()

    async def get(self, url: str, **options: Any) -> Response:  # noqa: ANN401 - httpx2's options
        """GET; see `request`."""
        return await self.request("GET", url, **options)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        **options: Any,  # noqa: ANN401 - httpx2's options
    ) -> Response:
        """The response, with any status below 500; `UpstreamError` when there is none in time.

        The id of the present request and its trace go along.
        """
        service = URL(url).host
        attributes = {"http.request.method": method, "server.address": service}
        with tracer.start_as_current_span(method, None, SpanKind.CLIENT, attributes) as span:
            options["headers"] = _with_context(headers)
            try:
                async with asyncio.timeout(self._settings.total_timeout):
                    response = await self._retried(service, method, url, options)
            except (HTTPError, TimeoutError) as error:
                count("http_client_errors", service=service)
                logger.warning("%s %s: %s: %s", method, service, type(error).__name__, error)
                raise UpstreamError(f"{service} does not answer") from error
            span.set_attribute("http.response.status_code", response.status_code)
            return response

    async def _retried(
        self, service: str, method: str, url: str, options: dict[str, Any]
    ) -> Response:
        self._budget = min(self._budget + BUDGET_PER_REQUEST, BUDGET)
        for attempt in range(self._settings.retries):
            try:
                return await self._attempt(service, method, url, options)
            except HTTPError as error:
                if not _may_repeat(method, error) or self._budget < 1:
                    raise
            self._budget -= 1
            count("http_client_retries", service=service)
            await asyncio.sleep(FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1.5))
        return await self._attempt(service, method, url, options)

    async def _attempt(
        self, service: str, method: str, url: str, options: dict[str, Any]
    ) -> Response:
        if self._in_flight[service] >= self._settings.max_per_service:
            raise UpstreamError(f"Too many calls to {service} are under way")
        self._in_flight[service] += 1
        try:
            client = await asyncio.shield(self._opening)
            async with self._breaker(service):
                response = await client.request(method, url, **options)
                count("http_client_requests", service=service, status=str(response.status_code))
                if response.status_code >= 500:
                    raise _ServerError(response.status_code)
                return response
        finally:
            self._in_flight[service] -= 1

    @asynccontextmanager
    async def _breaker(self, service: str) -> AsyncIterator[None]:
        """Refuse at once while the service is not called; then let one call try it."""
        breaker = await self._breakers.get_breaker(service)
        trial = breaker.context.state != "closed"
        if trial and service in self._trials:
            raise UpstreamError(f"{service} is not called at the moment")
        if trial:
            self._trials.add(service)
        try:
            async with breaker:
                yield
        except OpenedState:
            raise UpstreamError(f"{service} is not called at the moment") from None
        finally:
            if trial:
                self._trials.discard(service)


@asynccontextmanager
async def lifespan(settings: "Settings") -> AsyncIterator[HttpClient]:
    """Open the client, close its connections at the end."""
    limits = settings.http_client
    opening = open_client(limits)
    try:
        yield HttpClient(opening, limits)
    finally:
        await (await opening).aclose()


def open_client(limits: HttpClientSettings) -> asyncio.Task[AsyncClient]:
    """Open a client beside what else the process does; the first call waits for it.

    Its imports and the certificates that it reads would be an eighth of the start.
    """
    return asyncio.create_task(asyncio.to_thread(_connect, limits))


def _connect(limits: HttpClientSettings) -> AsyncClient:
    timeout = Timeout(limits.read_timeout, connect=limits.connect_timeout, pool=limits.pool_timeout)
    pool = Limits(
        max_connections=limits.max_connections, max_keepalive_connections=limits.max_connections
    )
    return AsyncClient(timeout=timeout, limits=pool)


def _with_context(headers: Mapping[str, str] | None) -> dict[str, str]:
    sent = dict(headers or {})
    if current := request_id.get():
        sent.setdefault("X-Request-ID", current)
    inject(sent)
    return sent


def _may_repeat(method: str, error: HTTPError) -> bool:
    if isinstance(error, _ServerError):
        return method in IDEMPOTENT and error.status in {502, 503, 504}
    return method in IDEMPOTENT or isinstance(error, UNSENT)


def _breaker_changed(service: str, kind: str, event: Any) -> None:  # noqa: ANN401 - the library's
    if kind == "state_changed":
        logger.warning("circuit breaker of %s: %s", service, event.state)
        gauge("http_client_breaker_open", float(event.state != "closed"), service=service)


async def _http_client(request: Request) -> HttpClient:
    client: HttpClient = request.state.clients["http_client"]
    return client


# With its scope, which FastAPI would otherwise work out anew for each request.
Http = Annotated[HttpClient, Depends(_http_client, scope="request")]
"""The client, as a dependency of a route."""
