"""Spans of jobs: the request that asks for one and the process that runs it share a trace."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, get_tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from app.queue.jobs import Clients

if TYPE_CHECKING:
    from app.queue.running import Task

TRACE_PARENT = "traceparent"
"""How W3C Trace Context names what travels along."""
PROPAGATOR = TraceContextTextMapPropagator()

tracer = get_tracer("app.queue")


def created(job: str) -> str:
    """Note in the present trace that `job` was asked for; what leads back to here."""
    carrier: dict[str, str] = {}
    attributes = {"messaging.operation.type": "create", "messaging.destination.name": job}
    with tracer.start_as_current_span(f"create {job}", None, SpanKind.PRODUCER, attributes):
        PROPAGATOR.inject(carrier)
    return carrier.get(TRACE_PARENT, "")


def traced(
    run: Callable[[Clients, "Task"], Awaitable[None]],
) -> Callable[[Clients, "Task"], Awaitable[None]]:
    """Run each attempt in a span that belongs to the trace of the request that asked for it."""

    @wraps(run)
    async def in_span(clients: Clients, task: "Task") -> None:
        came_with = {TRACE_PARENT: task.trace} if task.trace else {}
        with tracer.start_as_current_span(
            f"process {task.job}",
            PROPAGATOR.extract(came_with, Context()),
            SpanKind.CONSUMER,
            {
                "messaging.operation.type": "process",
                "messaging.destination.name": task.job,
                "messaging.message.id": task.key,
            },
        ):
            await run(clients, task)

    return in_span
