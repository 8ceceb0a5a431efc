"""`/metrics` of a process that runs jobs."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from app import events, worker_metrics
from app.event_metrics import EventMetrics
from app.settings import Settings


@contextmanager
def serving(settings: Settings, port: int) -> Iterator[EventMetrics]:
    """The metrics of a worker on `port`."""
    own = settings.worker_metrics.model_copy(update={"port": port})
    metrics = EventMetrics()
    clients: dict[str, Any] = {"metrics": metrics}
    with worker_metrics.worker(settings.model_copy(update={"worker_metrics": own}), clients):
        yield metrics


def test_a_worker_shows_what_its_jobs_did(settings: Settings, unused_tcp_port: int) -> None:
    with serving(settings, unused_tcp_port) as metrics:
        metrics(events.Event("count", "queue_dead", 1, {"job": "tests.one"}))
        text = httpx2.get(f"http://127.0.0.1:{unused_tcp_port}/metrics").text
    assert 'queue_dead_total{job="tests.one"} 1.0' in text
    with pytest.raises(httpx2.TransportError):
        httpx2.get(f"http://127.0.0.1:{unused_tcp_port}/metrics")


def test_a_taken_port_stops_no_worker(
    settings: Settings, unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        serving(settings, unused_tcp_port),
        caplog.at_level(logging.WARNING),
        serving(settings, unused_tcp_port),
    ):
        assert f"no metrics of this worker: port {unused_tcp_port}" in caplog.text
