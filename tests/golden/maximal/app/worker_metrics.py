"""`/metrics` of a process that runs jobs, on a port of its own: it answers no other requests."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from prometheus_client import start_http_server
from pydantic import BaseModel, NonNegativeInt

if TYPE_CHECKING:
    from app.settings import Settings

logger = logging.getLogger("app.worker")


class WorkerMetricsSettings(BaseModel):
    """Where a worker's metrics are to be had."""

    host: str
    port: NonNegativeInt


@contextmanager
def worker(settings: "Settings", clients: dict[str, Any]) -> Iterator[None]:
    """Answer `/metrics` from a thread; jobs are run also where the port is taken."""
    address = settings.worker_metrics
    registry = clients["metrics"].registry
    try:
        server, thread = start_http_server(address.port, address.host, registry=registry)
    except OSError as error:
        logger.warning("no metrics of this worker: port %d: %s", address.port, error)
        yield
        return
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
