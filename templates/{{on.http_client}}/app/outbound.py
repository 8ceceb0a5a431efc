"""What sends calls to other services, for `app.http_client`.

Connections, time, requests in flight per service, retries and repeated failures each have a limit, so
that a service that is slow or down costs its callers little and other services nothing.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from random import SystemRandom
from typing import Any

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

from app.events import count, gauge
from app.http_client import HttpClientSettings, UpstreamError
from app.logging import request_id

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""Methods that may be sent twice (RFC 9110, 9.2.2)."""
UNSENT = (ConnectError, ConnectTimeout, PoolTimeout)
"""The request did not leave: any method may be tried again."""
FIRST_PAUSE = 0.1
BUDGET = 10.0
BUDGET_PER_REQUEST = 0.1
"""A request earns a tenth of a retry, up to `BUDGET`: where everything fails, load grows by a tenth."""

logger = logging.getLogger("app.outbound")
random = SystemRandom()
tracer = get_tracer("app.outbound")  # makes spans where something records them


class _ServerError(HTTPError):
    """The other side answered with a status of 500 or more."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


class Outbound:
    """Sends calls within the limits of its settings."""

    def __init__(self, settings: HttpClientSettings) -> None:
        """Open no connection yet, but read the certificates that are trusted."""
        self._settings = settings
        self._client = _client(settings)
        self._budget = BUDGET
        self._in_flight: defaultdict[str, int] = defaultdict(int)
        self._breakers = AsyncCircuitBreakerFactory(
            default_threshold=settings.breaker_failures, default_ttl=settings.breaker_seconds
        )
        self._breakers.add_listener(_breaker_changed)
        self._trials: set[str] = set()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, options: dict[str, Any]
    ) -> Response:
        """See `HttpClient.request`."""
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
            async with self._breaker(service):
                response = await self._client.request(method, url, **options)
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


def _client(limits: HttpClientSettings) -> AsyncClient:
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
