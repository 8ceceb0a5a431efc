"""What is measured: names, labels and bounds, whoever the figures are for."""

from typing import Literal, NamedTuple

from pydantic import BaseModel

DURATION = "http_request_duration"
"""Seconds; labels: method, route, status."""
DURATION_HELP = "Time to answer a request"
SIZE = "http_response_size"
"""Bytes; labels: method, route."""
SIZE_HELP = "Size of response bodies"
SIZE_BUCKETS = (100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Other methods share one label value: clients can send any word."""
OTHER_METHODS = "OTHER"

EVENT_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300)
"""Upper bounds for durations of events: work outside of requests has no target of its own."""


class MetricsSettings(BaseModel):
    """How metrics are collected."""

    duration_buckets: list[float]
    """Upper bounds of the latency histogram in seconds."""


class Told(NamedTuple):
    """What is known of an event (`app.events`) beforehand."""

    kind: str
    name: str
    help: str
    labels: tuple[str, ...]
    over_processes: Literal["sum", "min", "max"]
    """How the gauges of several worker processes become one."""


TOLD = (
    Told(
        "gauge",
        "http_requests_in_flight",
        "Requests that are being answered, looked at every second",
        (),
        "sum",
    ),
    Told(
        "count",
        "http_requests_shed",
        "Requests refused at once because too many were under way",
        (),
        "sum",
    ),
    Told(
        "seconds",
        "event_loop_lag",
        "How much later than asked for the event loop went on, looked at every second",
        (),
        "sum",
    ),
    Told(
        "count",
        "process_cpu_seconds",
        "Processor time that was used",
        (),
        "sum",
    ),
    Told(
        "gauge",
        "process_resident_memory_bytes",
        "Memory that is held",
        (),
        "sum",
    ),
    Told(
        "count",
        "cache_requests",
        "Reads of the cache by result: hit, miss, early (loaded anew before its end)",
        ("result",),
        "sum",
    ),
    Told(
        "gauge",
        "cache_up",
        "1 while the cache's server answers, 0 while the service goes on without it",
        (),
        "min",
    ),
    Told(
        "count",
        "cache_errors",
        "Operations of the cache that its server did not answer",
        ("error",),
        "sum",
    ),
    Told(
        "count",
        "queue_enqueued",
        "Jobs that requests asked for",
        ("job",),
        "sum",
    ),
    Told(
        "gauge",
        "queue_running",
        "Jobs that run now",
        ("job",),
        "sum",
    ),
    Told(
        "count",
        "queue_jobs",
        "Attempts that ended, by outcome: done, failed, cancelled (by a stopping process)",
        ("job", "outcome"),
        "sum",
    ),
    Told(
        "seconds",
        "queue_job",
        "Time that attempts took",
        ("job",),
        "sum",
    ),
    Told(
        "gauge",
        "database_connections_used",
        "Connections that are in use, looked at every second",
        (),
        "sum",
    ),
    Told(
        "gauge",
        "database_connections_allowed",
        "Connections that may be in use: the pools with their overflow",
        (),
        "sum",
    ),
    Told(
        "gauge",
        "database_connections_awaited",
        "Tasks that wait for a connection",
        (),
        "sum",
    ),
    Told(
        "count",
        "queue_duplicates",
        "Jobs that were not enqueued because their key was known",
        ("job",),
        "sum",
    ),
    Told(
        "count",
        "queue_retries",
        "Failed attempts that are followed by another one",
        ("job",),
        "sum",
    ),
    Told(
        "count",
        "queue_dead",
        "Jobs that failed for good",
        ("job",),
        "sum",
    ),
    Told(
        "gauge",
        "queue_waiting",
        "Jobs that are not done, as one worker counted them last",
        (),
        "max",
    ),
    Told(
        "count",
        "http_client_requests",
        "Answers of other services",
        ("service", "status"),
        "sum",
    ),
    Told(
        "count",
        "http_client_errors",
        "Calls of other services that came to nothing",
        ("service",),
        "sum",
    ),
    Told(
        "count",
        "http_client_retries",
        "Calls of other services that were repeated",
        ("service",),
        "sum",
    ),
    Told(
        "gauge",
        "http_client_breaker_open",
        "1 while a service is not called because it kept failing, 0 when it is again",
        ("service",),
        "max",
    ),
)
"""Events of your own need no line here but may have one."""
