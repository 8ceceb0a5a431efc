"""Spans: of requests, and of the calls that are made to answer them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from time import time_ns

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import INVALID_SPAN, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import Scope

from app import events
from app import logging as log
from app.logging import request_id
from app.measures import METHODS, OTHER_METHODS
from app.middleware import QUIET_PATHS, Exchange, Observer

LONGEST_TEXT = 2000
"""Of a statement, in characters."""
NANOSECONDS = 1_000_000_000
CARRIED = {b"traceparent": "traceparent", b"tracestate": "tracestate"}

PROPAGATOR = TraceContextTextMapPropagator()
EMPTY = Context()
FAILED = Status(StatusCode.ERROR)

tracer = trace.get_tracer("app")


class RequestSpans:
    """Opens a span for each request, as a part of its sender's trace where it has one.

    Attributes and names are those of OpenTelemetry's semantic conventions. The query string is left
    out: it may hold secrets.
    """

    def __call__(self, scope: Scope) -> Observer | None:
        """Open the span; what is returned ends it."""
        if scope["path"] in QUIET_PATHS:
            return None
        method = scope["method"] if scope["method"] in METHODS else OTHER_METHODS
        parent = _parent(scope)
        span = tracer.start_span(
            method,
            parent,
            SpanKind.SERVER,
            {
                "http.request.method": method,
                "url.path": scope["path"],
                "url.scheme": scope["scheme"],
            },
        )
        token = attach(trace.set_span_in_context(span, parent))

        def finish(exchange: Exchange) -> None:
            if span.is_recording():
                span.update_name(f"{method} {exchange.route}")
                span.set_attribute("http.route", exchange.route)
                span.set_attribute("http.response.status_code", exchange.status)
                span.set_attribute("app.request_id", request_id.get())
                if exchange.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    span.set_status(FAILED)
            span.end()
            detach(token)

        return finish


def _parent(scope: Scope) -> Context:
    carrier = {
        CARRIED[name]: value.decode("latin-1")
        for name, value in scope["headers"]
        if name in CARRIED
    }
    return PROPAGATOR.extract(carrier, EMPTY) if carrier else EMPTY


def tell_call(call: events.Call) -> None:
    """Make a span of a call that has just ended, as a part of the trace of whoever made it."""
    # Calls outside of a recorded trace (a worker that waits for jobs, a probe) make no span.
    if not trace.get_current_span().is_recording():
        return
    ended = time_ns()
    name = call.name or call.text.lstrip()[:20].partition(" ")[0].upper()
    attributes = {"db.system.name": call.system, "db.operation.name": name}
    if call.text:
        attributes["db.query.text"] = call.text[:LONGEST_TEXT]
    if call.error:
        attributes["error.type"] = call.error
    span = tracer.start_span(
        f"{name} {call.system}",
        kind=SpanKind.CLIENT,
        attributes=attributes,
        start_time=ended - int(call.seconds * NANOSECONDS),
    )
    if call.error:
        span.set_status(FAILED)
    span.end(ended)


def ids() -> Mapping[str, str]:
    """The present trace and span, for log lines; nothing outside of a trace."""
    span = trace.get_current_span()
    if span is INVALID_SPAN:
        return {}
    context = span.get_span_context()
    return {
        "trace_id": trace.format_trace_id(context.trace_id),
        "span_id": trace.format_span_id(context.span_id),
    }


@contextmanager
def following() -> Iterator[None]:
    """Make spans of calls, and write the trace's id into log lines."""
    events.call_listeners.append(tell_call)
    log.context_fields.append(ids)
    try:
        yield
    finally:
        log.context_fields.remove(ids)
        events.call_listeners.remove(tell_call)
