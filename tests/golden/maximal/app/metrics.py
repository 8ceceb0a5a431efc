"""Metrics for Prometheus, right with any number of worker processes.

Each worker counts in files of its own below one directory (the client library's multiprocess mode);
whichever worker answers `/metrics` adds them up. The directory belongs to one start of the service.
The files of workers that have died are folded into one, so that their counts stay and files do not
pile up.
"""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Histogram,
    generate_latest,
)
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

from app import events
from app.errors import NotFoundError
from app.event_metrics import EventMetrics
from app.measures import (
    DURATION,
    DURATION_HELP,
    METHODS,
    OTHER_METHODS,
    SIZE,
    SIZE_BUCKETS,
    SIZE_HELP,
    MetricsSettings,
)
from app.middleware import Exchange

if TYPE_CHECKING:
    from app.settings import Settings

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
PREFIX = "app-metrics-"
FOLDED = "0"
"""The process id in the name of the files that dead workers' counts are folded into."""

FORWARDED = "x-forwarded-for"
"""Proxies add it; a scraper asks the process itself."""


def prepare(settings: "Settings") -> None:
    """Make the directory that the worker processes of this start share."""
    if settings.server.workers == 1:
        return
    temporary = Path(tempfile.gettempdir())
    for left in temporary.glob(f"{PREFIX}*-*"):
        if not _alive(left.name.removeprefix(PREFIX).partition("-")[0]):
            shutil.rmtree(left, ignore_errors=True)
    os.environ[DIRECTORY] = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")


def release() -> None:
    """Remove the directory of this start."""
    if directory := os.environ.pop(DIRECTORY, ""):
        shutil.rmtree(directory, ignore_errors=True)


@asynccontextmanager
async def lifespan(_settings: "Settings") -> AsyncIterator[EventMetrics]:
    """Count what the parts of the service tell, also in processes that answer no requests."""
    metrics = EventMetrics()
    events.listeners.append(metrics)
    try:
        yield metrics
    finally:
        events.listeners.remove(metrics)


def install(app: FastAPI) -> None:
    """Count every request, and answer `/metrics`, but to nobody who comes through a proxy."""
    settings: Settings = app.state.settings
    registry = CollectorRegistry()
    app.state.observers.append(RequestMetrics(registry, settings.metrics))

    def metrics(request: Request) -> Response:
        if FORWARDED in request.headers:
            raise NotFoundError(request.url.path)
        told: EventMetrics = request.state.clients["metrics"]
        text = _exposition(registry, told.registry)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    app.add_api_route("/metrics", metrics, include_in_schema=False)


class RequestMetrics:
    """Observes finished requests; the labels are the route's template, never the raw path."""

    def __init__(self, registry: CollectorRegistry, settings: MetricsSettings) -> None:
        """Create the metrics in `registry`."""
        labels = ("method", "route", "status")
        self._durations = Histogram(
            f"{DURATION}_seconds",
            DURATION_HELP,
            labels,
            buckets=settings.duration_buckets,
            registry=registry,
        )
        self._sizes = Histogram(
            f"{SIZE}_bytes",
            SIZE_HELP,
            ("method", "route"),
            buckets=SIZE_BUCKETS,
            registry=registry,
        )
        # Looking a child up by its labels costs more than observing with it.
        self._children: dict[tuple[str, str, int], tuple[Histogram, Histogram]] = {}

    def __call__(self, exchange: Exchange) -> None:
        """Count one finished request."""
        key = (exchange.method, exchange.route, exchange.status)
        durations, sizes = self._children.get(key) or self._remember(key)
        durations.observe(exchange.seconds)
        sizes.observe(exchange.response_bytes)

    def _remember(self, key: tuple[str, str, int]) -> tuple[Histogram, Histogram]:
        method, route, status = key
        label = method if method in METHODS else OTHER_METHODS
        children = self._durations.labels(label, route, status), self._sizes.labels(label, route)
        if method in METHODS:
            self._children[key] = children
        return children


def _exposition(*registries: CollectorRegistry) -> bytes:
    directory = os.environ.get(DIRECTORY)
    if directory is None:
        return b"".join(map(generate_latest, registries))
    with _locked(Path(directory)):
        _fold_dead(Path(directory))
        merged = CollectorRegistry()
        MultiProcessCollector(merged, path=directory)
        return generate_latest(merged)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One reader at a time: while counts are folded they exist twice."""
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fold_dead(directory: Path) -> None:
    """Move the counts of dead workers to the `FOLDED` files and forget their gauges."""
    for path in directory.glob("*_*.db"):
        kind, _, process = path.stem.rpartition("_")
        if process == FOLDED or _alive(process):
            continue
        if not kind.startswith("gauge"):
            folded = MmapedDict(str(directory / f"{kind}_{FOLDED}.db"))
            for key, value, timestamp, _ in MmapedDict.read_all_values_from_file(str(path)):
                folded.write_value(key, folded.read_value(key)[0] + value, timestamp)
            folded.close()
        path.unlink()


def _alive(process: str) -> bool:
    if not re.fullmatch(r"[0-9]+", process):
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
