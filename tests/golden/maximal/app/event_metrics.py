"""What the parts of the service tell (`app.events`), as metrics of Prometheus."""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from app.events import Event

JOB_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300)
"""Upper bounds for durations of events: work outside of requests has no target of its own."""


class Told(NamedTuple):
    """What is known of an event beforehand."""

    kind: str
    name: str
    help: str
    labels: tuple[str, ...]
    over_processes: Literal["livesum", "livemin", "livemax"]
    """How the gauges of several worker processes become one."""


TOLD = (
    Told(
        "count",
        "http_requests_shed",
        "Requests refused at once because too many were under way",
        (),
        "livesum",
    ),
    Told(
        "count",
        "cache_requests",
        "Reads of the cache by result: hit, miss, early (loaded anew before its end)",
        ("result",),
        "livesum",
    ),
    Told(
        "gauge",
        "cache_up",
        "1 while the cache's server answers, 0 while the service goes on without it",
        (),
        "livemin",
    ),
    Told(
        "count",
        "cache_errors",
        "Operations of the cache that its server did not answer",
        ("error",),
        "livesum",
    ),
    Told(
        "count",
        "queue_enqueued",
        "Jobs that requests asked for",
        ("job",),
        "livesum",
    ),
    Told(
        "gauge",
        "queue_running",
        "Jobs that run now",
        ("job",),
        "livesum",
    ),
    Told(
        "count",
        "queue_jobs",
        "Attempts that ended, by outcome: done, failed, cancelled (by a stopping process)",
        ("job", "outcome"),
        "livesum",
    ),
    Told(
        "seconds",
        "queue_job",
        "Time that attempts took",
        ("job",),
        "livesum",
    ),
    Told(
        "count",
        "queue_duplicates",
        "Jobs that were not enqueued because their key was known",
        ("job",),
        "livesum",
    ),
    Told(
        "count",
        "queue_retries",
        "Failed attempts that are followed by another one",
        ("job",),
        "livesum",
    ),
    Told(
        "count",
        "queue_dead",
        "Jobs that failed for good",
        ("job",),
        "livesum",
    ),
    Told(
        "gauge",
        "queue_waiting",
        "Jobs that are not done, as one worker counted them last",
        (),
        "livemax",
    ),
    Told(
        "count",
        "http_client_requests",
        "Answers of other services",
        ("service", "status"),
        "livesum",
    ),
    Told(
        "count",
        "http_client_errors",
        "Calls of other services that came to nothing",
        ("service",),
        "livesum",
    ),
    Told(
        "count",
        "http_client_retries",
        "Calls of other services that were repeated",
        ("service",),
        "livesum",
    ),
    Told(
        "gauge",
        "http_client_breaker_open",
        "1 while a service is not called because it kept failing, 0 when it is again",
        ("service",),
        "livemax",
    ),
)


class EventMetrics:
    """Listens to events; those of your own need nothing here but may have a line in `TOLD`."""

    def __init__(self) -> None:
        """Create the metrics that are known beforehand."""
        self.registry = CollectorRegistry()
        self._metrics = {told.name: self._create(told) for told in TOLD}
        # Looking a child up by its labels costs more than counting with it.
        self._children: dict[tuple[str, ...], Callable[[float], None]] = {}

    def __call__(self, event: Event) -> None:
        """Count one event."""
        key = (event.name, *event.labels.values())
        tell = self._children.get(key) or self._remember(key, event)
        tell(event.value)

    def _remember(self, key: tuple[str, ...], event: Event) -> Callable[[float], None]:
        metric = self._metrics.get(event.name)
        if metric is None:
            told = Told(event.kind, event.name, event.name, tuple(event.labels), "livesum")
            metric = self._metrics[event.name] = self._create(told)
        tell = self._children[key] = _teller(metric, event.labels)
        return tell

    def _create(self, told: Told) -> MetricWrapperBase:
        if told.kind == "count":
            return Counter(told.name, told.help, told.labels, registry=self.registry)
        if told.kind == "gauge":
            return Gauge(
                told.name,
                told.help,
                told.labels,
                multiprocess_mode=told.over_processes,
                registry=self.registry,
            )
        return Histogram(
            f"{told.name}_seconds",
            told.help,
            told.labels,
            buckets=JOB_SECONDS,
            registry=self.registry,
        )


def _teller(metric: MetricWrapperBase, labels: Mapping[str, str]) -> Callable[[float], None]:
    child = metric.labels(**labels) if labels else metric
    if isinstance(child, Counter):
        return child.inc
    if isinstance(child, Gauge):
        return child.set
    if isinstance(child, Histogram):
        return child.observe
    raise TypeError(type(child).__name__)
