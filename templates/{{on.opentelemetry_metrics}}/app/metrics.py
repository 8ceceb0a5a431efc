"""Metrics over OTLP: each process sends its own; whoever stores them adds them up."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI
from opentelemetry import metrics
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

from app import events, telemetry
from app.events import Event
from app.measures import (
    DURATION,
    DURATION_HELP,
    EVENT_SECONDS,
    METHODS,
    OTHER_METHODS,
    SIZE,
    SIZE_BUCKETS,
    SIZE_HELP,
    TOLD,
    MetricsSettings,
    Told,
)
from app.middleware import Exchange

if TYPE_CHECKING:
    from app.settings import Settings

Attributes = Mapping[str, str | int]
Tell = Callable[[float, Attributes], None]

SECONDS = "s"
BYTES = "By"

meter = metrics.get_meter("app")


@asynccontextmanager
async def lifespan(settings: "Settings") -> AsyncIterator[None]:
    """Send what the parts of the service tell, every minute and at the end."""
    if settings.telemetry.endpoint is None:
        yield
        return
    exporter = OTLPMetricExporter(**telemetry.export_options(settings, "metrics"))
    provider = MeterProvider(
        [PeriodicExportingMetricReader(exporter)],
        resource=telemetry.resource(settings),
        shutdown_on_exit=False,
    )
    metrics.set_meter_provider(provider)
    listener = EventMetrics()
    events.listeners.append(listener)
    telemetry.closers.append(provider.shutdown)
    try:
        yield
    finally:
        events.listeners.remove(listener)


def install(app: FastAPI) -> None:
    """Count every request."""
    settings: Settings = app.state.settings
    if settings.telemetry.endpoint is not None:
        app.state.observers.append(RequestMetrics(settings.metrics))


class RequestMetrics:
    """Observes finished requests; the labels are the route's template, never the raw path."""

    def __init__(self, settings: MetricsSettings) -> None:
        """Create the instruments."""
        self._durations = meter.create_histogram(
            DURATION,
            SECONDS,
            DURATION_HELP,
            explicit_bucket_boundaries_advisory=settings.duration_buckets,
        )
        self._sizes = meter.create_histogram(
            SIZE, BYTES, SIZE_HELP, explicit_bucket_boundaries_advisory=SIZE_BUCKETS
        )

    def __call__(self, exchange: Exchange) -> None:
        """Count one finished request."""
        method = exchange.method if exchange.method in METHODS else OTHER_METHODS
        labels = {"method": method, "route": exchange.route}
        self._sizes.record(exchange.response_bytes, labels)
        self._durations.record(exchange.seconds, {**labels, "status": str(exchange.status)})


class EventMetrics:
    """Listens to events; those of your own need nothing here but may have a line in `TOLD`."""

    def __init__(self) -> None:
        """Create the instruments that are known beforehand."""
        self._tell = {told.name: _create(told) for told in TOLD}

    def __call__(self, event: Event) -> None:
        """Count one event."""
        tell = self._tell.get(event.name)
        if tell is None:
            told = Told(event.kind, event.name, event.name, tuple(event.labels), "sum")
            tell = self._tell[event.name] = _create(told)
        tell(event.value, event.labels)


def _create(told: Told) -> Tell:
    if told.kind == "count":
        return meter.create_counter(told.name, description=told.help).add
    if told.kind == "gauge":
        return meter.create_gauge(told.name, description=told.help).set
    return meter.create_histogram(
        told.name, SECONDS, told.help, explicit_bucket_boundaries_advisory=EVENT_SECONDS
    ).record
