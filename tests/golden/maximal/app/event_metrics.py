"""What the parts of the service tell (`app.events`), as metrics of Prometheus."""

from collections.abc import Callable, Mapping
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from app.events import Event
from app.measures import EVENT_SECONDS, TOLD, Told

MODES: Mapping[str, Literal["livesum", "livemin", "livemax"]] = {
    "sum": "livesum",
    "min": "livemin",
    "max": "livemax",
}
"""How the gauges of the living processes become one, in the library's words."""


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
            told = Told(event.kind, event.name, event.name, tuple(event.labels), "sum")
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
                multiprocess_mode=MODES[told.over_processes],
                registry=self.registry,
            )
        return Histogram(
            f"{told.name}_seconds",
            told.help,
            told.labels,
            buckets=EVENT_SECONDS,
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
