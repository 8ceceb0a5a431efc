"""A collector of the tests' own: takes OTLP over HTTP and keeps what it decodes."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric


class Span(NamedTuple):
    """One span, and who sent it."""

    name: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, str | int]
    resource: dict[str, str | int]


class Log(NamedTuple):
    """One log record."""

    text: str
    trace: str
    span: str
    attributes: dict[str, str | int]


class Point(NamedTuple):
    """One figure of a metric: its value, or the count of a histogram."""

    metric: str
    value: float
    labels: dict[str, str | int]
    instance: str


@dataclass
class Collector:
    """What was received."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def take(self, path: str, body: bytes) -> None:
        """Decode one export."""
        {"traces": self._traces, "logs": self._logs, "metrics": self._metrics}[
            path.removeprefix("/v1/")
        ](body)

    def _traces(self, body: bytes) -> None:
        for sent in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = _attributes(sent.resource.attributes)
            for span in (span for scope in sent.scope_spans for span in scope.spans):
                ids = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
                self.spans.append(Span(span.name, *ids, _attributes(span.attributes), resource))

    def _logs(self, body: bytes) -> None:
        for sent in ExportLogsServiceRequest.FromString(body).resource_logs:
            for record in (record for scope in sent.scope_logs for record in scope.log_records):
                ids = record.trace_id.hex(), record.span_id.hex()
                attributes = _attributes(record.attributes)
                self.logs.append(Log(record.body.string_value, *ids, attributes))

    def _metrics(self, body: bytes) -> None:
        for sent in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            instance = str(_attributes(sent.resource.attributes)["service.instance.id"])
            for metric in (metric for scope in sent.scope_metrics for metric in scope.metrics):
                self.points += _points(metric, instance)

    def of(self, trace: str) -> list[Span]:
        """Give the spans of one trace."""
        return [span for span in self.spans if span.trace == trace]


def _points(metric: Metric, instance: str) -> Iterator[Point]:
    for histogram in metric.histogram.data_points:
        yield Point(metric.name, histogram.count, _attributes(histogram.attributes), instance)
    for number in (*metric.sum.data_points, *metric.gauge.data_points):
        value = number.as_double or float(number.as_int)
        yield Point(metric.name, value, _attributes(number.attributes), instance)


def _attributes(pairs: "list[KeyValue]") -> dict[str, str | int]:
    return {one.key: one.value.string_value or one.value.int_value for one in pairs}


@contextmanager
def collector() -> Iterator[Collector]:
    """Listen until the block ends."""
    received = Collector()

    class Peer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            received.headers.append(dict(self.headers))
            received.take(self.path, body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Peer) as server:
        received.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield received
        finally:
            server.shutdown()
            thread.join()
