"""What happens around every request, in one pure ASGI layer.

Request id, timing, time limit, overload protection, access log, metrics and the answer to unexpected
errors share one layer, because each further layer, above all `BaseHTTPMiddleware`, costs throughput
on every request.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from http import HTTPStatus
from random import getrandbits
from time import perf_counter
from typing import NamedTuple

from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import problem
from app.events import count
from app.logging import log_request, request_id

error_log = logging.getLogger("app.error")

QUIET_PATHS = frozenset({"/livez", "/readyz", "/metrics"})
"""Asked every few seconds by machines: logged only when they fail, and answered under overload."""

# Ids of others are taken over only in this form, so that they cannot forge log lines or headers.
ACCEPTED_ID = re.compile(rb"[A-Za-z0-9._-]{8,128}")

UNMATCHED = "(unmatched)"

CLIENT_GONE = 499
"""The status that is logged and counted when the client left before there was an answer."""

SWEEP_SECONDS = 0.5
"""How often requests are checked for their time limit: a timer for each costs ten times as much."""


class Exchange(NamedTuple):
    """One answered request, as observers and the access log see it."""

    method: str
    route: str
    """The path template, `/items/{item_id}`; `UNMATCHED` where no route answered."""
    path: str
    """The path without its query string, which may hold secrets."""
    status: int
    seconds: float
    response_bytes: int


Observer = Callable[[Exchange], None]

Starter = Callable[[Scope], Observer | None]
"""Called when a request starts; what it returns is called when all else about the request is done."""


def route_template(scope: Scope) -> str:
    """The full path template of the route that answered, with the prefixes of its routers."""
    context = scope.get("fastapi", {}).get("effective_route_context")
    path: str = getattr(context or scope.get("route") or _plain_route(scope), "path", UNMATCHED)
    return path


def _plain_route(scope: Scope) -> BaseRoute | None:
    """The route that answered where it is Starlette's, as those of the documentation are."""
    if "endpoint" not in scope:
        return None
    known = (one for one in scope["app"].routes if isinstance(one, Route))
    return next((one for one in known if one.endpoint is scope["endpoint"]), None)


class RequestMiddleware:
    """See the module.

    `request_timeout` bounds the seconds to the first byte; `max_in_flight` the requests that one
    process answers at a time: more would only wait for each other, so they get 503 at once.
    """

    def __init__(
        self,
        app: ASGIApp,
        observers: Sequence[Observer],
        starters: Sequence[Starter],
        request_timeout: float,
        max_in_flight: int,
        in_flight: "dict[_Request, asyncio.Task[object] | None]",
    ) -> None:
        """Wrap `app`; `observers` are called once per finished request, `starters` before it."""
        self.app = app
        self.observers = observers
        self.starters = starters
        self.request_timeout = request_timeout
        self.max_in_flight = max_in_flight
        self.in_flight = in_flight
        self.sweeping = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; other scopes (lifespan, WebSocket) pass through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = _Request(scope, send)
        token = request_id.set(request.id)
        finishers = [start(scope) for start in self.starters] if self.starters else ()
        try:
            if len(self.in_flight) >= self.max_in_flight and scope["path"] not in QUIET_PATHS:
                count("http_requests_shed")
                response = problem(HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": "1"})
                await response(scope, receive, request.send)
            else:
                await self._answer(request, receive)
        finally:
            exchange = self._report(request)
            for finish in finishers:
                if finish is not None:
                    finish(exchange)
            request_id.reset(token)

    async def _answer(self, request: "_Request", receive: Receive) -> None:
        task = self.in_flight[request] = asyncio.current_task()
        if not self.sweeping:
            self._sweep()
        try:
            await self.app(request.scope, receive, request.send)
        except asyncio.CancelledError:
            if task is None or not request.expired:
                raise
            task.uncancel()
            await request.send_instead(problem(HTTPStatus.GATEWAY_TIMEOUT), receive)
        except Exception as error:
            error_log.exception("unexpected error", exc_info=error)
            if request.status:
                raise  # too late for another answer: the server closes the connection
            await request.send_instead(problem(HTTPStatus.INTERNAL_SERVER_ERROR), receive)
        finally:
            del self.in_flight[request]

    def _sweep(self) -> None:
        """Cancel the requests whose time is over; a stream may last as long as it flows."""
        earliest = perf_counter() - self.request_timeout
        for request, task in self.in_flight.items():
            if request.started < earliest and not request.status and not request.expired:
                request.expired = True
                if task is not None:
                    task.cancel()
        self.sweeping = bool(self.in_flight)
        if self.sweeping:
            pause = min(SWEEP_SECONDS, self.request_timeout)
            asyncio.get_running_loop().call_later(pause, self._sweep)

    def _report(self, request: "_Request") -> Exchange:
        scope = request.scope
        exchange = Exchange(
            scope["method"],
            route_template(scope),
            scope["path"],
            request.status or CLIENT_GONE,
            perf_counter() - request.started,
            request.response_bytes,
        )
        for observe in self.observers:
            observe(exchange)
        if exchange.status >= HTTPStatus.BAD_REQUEST or exchange.path not in QUIET_PATHS:
            log_request(exchange)
        return exchange


class _Request:
    """The state of one request while it is answered."""

    __slots__ = ("expired", "forward", "id", "response_bytes", "scope", "started", "status")

    def __init__(self, scope: Scope, send: Send) -> None:
        self.scope = scope
        self.forward = send
        self.started = perf_counter()
        self.id = _incoming_id(scope) or f"{getrandbits(128):032x}"
        self.status = 0
        self.response_bytes = 0
        self.expired = False

    async def send(self, message: Message) -> None:
        """Pass a message on; note what is reported, add the headers of every response."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            elapsed = perf_counter() - self.started
            headers = message.setdefault("headers", [])
            headers.append((b"x-request-id", self.id.encode()))
            headers.append((b"x-process-time", b"%.6f" % elapsed))
        elif message["type"] == "http.response.body":
            self.response_bytes += len(message.get("body", b""))
        await self.forward(message)

    async def send_instead(self, response: Response, receive: Receive) -> None:
        """Answer in place of the application, which failed before it answered."""
        await response(self.scope, receive, self.send)


def _incoming_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return value.decode() if ACCEPTED_ID.fullmatch(value) else ""
    return ""
