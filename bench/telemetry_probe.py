"""Run inside a rendered project: the CPU time of one request, the exporters' threads included.

`python telemetry_probe.py REQUESTS [native]`; prints microseconds. `native` sets OpenTelemetry's SDK up
for FastAPI's own telemetry, as its documentation shows.
"""

import asyncio
import sys
from time import process_time
from typing import Any

from app.main import create_app, lifespan
from app.settings import Settings

SCOPE: dict[str, Any] = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/probe/7",
    "raw_path": b"/probe/7",
    "query_string": b"",
    "root_path": "",
    "headers": [(b"host", b"test"), (b"user-agent", b"bench")],
    "client": ("127.0.0.1", 50000),
    "server": ("127.0.0.1", 8000),
}


async def receive() -> dict[str, Any]:
    """No body."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(_message: dict[str, Any]) -> None:
    """Take the answer."""


def native(endpoint: str) -> list[Any]:
    """The SDK as FastAPI's own telemetry finds it; what must be closed."""
    from opentelemetry import metrics, trace
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    traces = TracerProvider(shutdown_on_exit=False)
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces")))
    trace.set_tracer_provider(traces)
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{endpoint}/v1/metrics"))
    meters = MeterProvider([reader], shutdown_on_exit=False)
    metrics.set_meter_provider(meters)
    return [traces, meters]


async def measure(requests: int, endpoint: str) -> float:
    """Microseconds of CPU time for one request."""
    app = create_app(Settings())

    @app.get("/probe/{item_id}")
    async def probe(item_id: int) -> dict[str, int]:
        return {"id": item_id}

    providers = native(endpoint) if endpoint else []
    async with lifespan(app) as state:
        for _ in range(requests // 10):
            await app({**SCOPE, "state": dict(state)}, receive, send)
        started = process_time()
        for number in range(requests):
            await app({**SCOPE, "state": dict(state)}, receive, send)
            if number % 100 == 0:
                await asyncio.sleep(0)
    for provider in providers:
        provider.shutdown()
    # After the end of the lifespan: what is sent last belongs to the requests too.
    return (process_time() - started) / requests * 1e6


if __name__ == "__main__":
    given = sys.argv[2] if len(sys.argv) > 2 else ""
    sys.stderr.write(f"{asyncio.run(measure(int(sys.argv[1]), given))}\n")
