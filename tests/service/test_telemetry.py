"""Traces, metrics and logs over OTLP, from real processes to a collector of the tests' own."""

import json
import secrets
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import pytest
from collector import Collector, Span, collector
from combinations import checked
from contract import ask
from harness import Project, Server, project, serve, until, working
from matrix import Backends, rates

pytestmark = [pytest.mark.service, pytest.mark.nightly]

WAIT_SECONDS = 90
WORKERS = 2
PROCESS = "process reviews.tasks.refresh_rating"
CREATE = "create reviews.tasks.refresh_rating"
UNMATCHED = "GET (unmatched)"
COUNTED = {"method": "GET", "route": "(unmatched)", "status": "404"}


class Choice(NamedTuple):
    """A project, and what its spans call its database and its cache."""

    answers: dict[str, Any]
    database: str
    cache: str = ""


CHOICES = {
    "uvicorn-sqlalchemy-taskiq": Choice(
        {"db_driver": "asyncpg", "cache": "redis", "queue": "taskiq", "broker": "redis"},
        "postgresql",
        "redis",
    ),
    "granian-pool-saq-both": Choice(
        {
            "db_driver": "asyncpg",
            "data_layer": "asyncpg",
            "cache": "memcached",
            "queue": "saq",
            "server": "granian",
            "metrics": "both",
        },
        "postgresql",
        "memcached",
    ),
    "gunicorn-mysql-celery": Choice(
        {
            "db_driver": "asyncmy",
            "data_layer": "sqlmodel",
            "cache": "none",
            "queue": "celery",
            "broker": "rabbitmq",
            "server": "gunicorn",
        },
        "mysql",
    ),
    "uvicorn-psycopg-procrastinate": Choice(
        {"db_driver": "psycopg", "cache": "redis", "queue": "procrastinate"}, "postgresql", "redis"
    ),
    "uvicorn-sqlite-background": Choice({"cache": "memory"}, "sqlite"),
}


@pytest.fixture(scope="module", params=CHOICES.values(), ids=[*CHOICES])
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Choice, Project]]:
    """Render a project, and start its servers."""
    choice: Choice = request.param
    answers = checked({"metrics": "opentelemetry", "example": True, **choice.answers})
    assert answers is not None
    with ExitStack() as stack, rates() as url:
        environment = Backends(stack).environment(answers, 0)
        environment |= {
            "APP_RATES__URL": url,
            "APP_LOG__JSON_LINES": "true",
            "APP_TELEMETRY__HEADERS": "api-key=secret",
            "OTEL_BSP_SCHEDULE_DELAY": "500",
            "OTEL_BLRP_SCHEDULE_DELAY": "500",
            "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        }
        service = project(tmp_path_factory.mktemp("telemetry") / "demo", environment, **answers)
        service.run("app.migrate")
        yield choice, service


@pytest.fixture
def received() -> Iterator[Collector]:
    """Receive what a test's service sends."""
    with collector() as found:
        yield found


@contextmanager
def running(service: Project, endpoint: str) -> Iterator[Server]:
    """Serve with a worker of the queue, where there is one; both send to `endpoint`."""
    variables = {"APP_TELEMETRY__ENDPOINT": endpoint}
    with serve(service, workers=WORKERS, **variables) as server:
        if not (service.path / "app" / "worker.py").exists():
            yield server
            return
        log = service.path / f"worker-{secrets.token_hex(4)}.log"
        with working(service, log, **variables):
            # A signal that comes before the process listens to it ends it as it is.
            until(lambda: "telemetry is sent to" in log.read_text(), log.read_text, WAIT_SECONDS)
            yield server


def new_trace() -> tuple[str, dict[str, str]]:
    """Invent a trace id, and the header of a request that belongs to it."""
    trace = secrets.token_hex(16)
    return trace, {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}


def create_product(server: Server) -> int:
    new = {"sku": secrets.token_hex(8), "name": "a", "category": "tools", "price_cents": 5}
    status, product, _ = ask(server, "POST", "/products", new)
    assert status == 201
    found: int = product["id"]
    return found


def test_one_trace_from_the_request_to_its_job(
    made: tuple[Choice, Project], received: Collector
) -> None:
    choice, service = made
    trace, headers = new_trace()
    with running(service, received.url) as server:
        review = {"product_id": create_product(server), "author": "Ada", "rating": 4}
        assert ask(server, "POST", "/reviews", review, **headers)[0] == 201
        until(
            lambda: {"POST /reviews", PROCESS} <= {one.name for one in received.of(trace)},
            lambda: f"{received.spans}\n{server.output()}",
            WAIT_SECONDS,
        )
        price = ask(server, "GET", f"/products/{review['product_id']}/prices/USD", **headers)
        assert price[0] == 200
    spans = received.of(trace)
    by_id = {span.id: span for span in spans}
    (request,) = named(spans, "POST /reviews")
    (create,) = named(spans, CREATE)
    (process,) = named(spans, PROCESS)
    (price_request,) = named(spans, "GET /products/{product_id}/prices/{currency}")
    (upstream,) = named(spans, "GET")
    assert request.parent == "00f067aa0ba902b7"
    assert request.attributes["http.response.status_code"] == 201
    assert request.attributes["http.route"] == "/reviews"
    assert (create.parent, process.parent) == (request.id, create.id)
    assert upstream.parent == price_request.id
    statements = [one for one in spans if one.attributes.get("db.query.text")]
    assert {one.attributes["db.system.name"] for one in statements} == {choice.database}
    assert {request.id, process.id} <= {one.parent for one in statements}
    assert "Ada" not in str([one.attributes for one in statements])
    if choice.cache:
        calls = [one for one in spans if one.attributes.get("db.system.name") == choice.cache]
        assert {process.id, price_request.id} <= {one.parent for one in calls}
    assert all(one.parent in by_id or one in (request, price_request) for one in spans)
    logs_belong_to(trace, received, {request.id, process.id}, service, server)
    described(request)
    assert all(one["api-key"] == "secret" for one in received.headers)


def named(spans: list[Span], name: str) -> list[Span]:
    return [span for span in spans if span.name == name]


def logs_belong_to(
    trace: str, received: Collector, spans: set[str], service: Project, server: Server
) -> None:
    """Records over OTLP and lines of the service's own both say to which span they belong."""
    exported = {log.span for log in received.logs if log.trace == trace}
    assert spans <= exported
    lines = server.output().splitlines()
    for log in service.path.glob("worker-*.log"):
        lines += log.read_text().splitlines()
    written = [json.loads(line) for line in lines]
    assert spans <= {one["span_id"] for one in written if one.get("trace_id") == trace}


def described(span: Span) -> None:
    """Who sent it is said in full."""
    assert span.resource["service.name"] == "demo"
    assert span.resource["service.version"] == "0.1.0"
    assert span.resource["deployment.environment.name"] == "development"
    process = str(span.resource["process.pid"])
    assert str(span.resource["service.instance.id"]).endswith(f":{process}")


def test_every_worker_sends_its_figures(made: tuple[Choice, Project], received: Collector) -> None:
    choice, service = made
    sent = 0
    with running(service, received.url) as server, ThreadPoolExecutor(20) as clients:

        def all_have_sent() -> bool:
            nonlocal sent
            answers = list(clients.map(server.get, ["/nowhere/1"] * 20))
            assert {status for status, _ in answers} == {404}
            sent += len(answers)
            return len(senders(received)) == WORKERS

        until(all_have_sent, server.output, WAIT_SECONDS)
    assert len(named(received.spans, UNMATCHED)) == sent
    if choice.answers.get("metrics") == "both":
        assert received.points == []
        return
    found = {
        one.instance: one.value
        for one in received.points
        if one.metric == "http_request_duration" and one.labels == COUNTED
    }
    assert set(found) == senders(received)
    assert sum(found.values()) == sent


def senders(received: Collector) -> set[str | int]:
    """The processes that answered."""
    return {one.resource["service.instance.id"] for one in named(received.spans, UNMATCHED)}


def test_prometheus_has_the_metrics_only_where_it_is_chosen(
    made: tuple[Choice, Project], received: Collector
) -> None:
    choice, service = made
    with running(service, received.url) as server:
        status, text = server.get("/metrics")
    both = choice.answers.get("metrics") == "both"
    assert status == (200 if both else 404)
    assert ("http_requests_shed" in text) == both
    assert bool(received.points) != both


def test_probes_and_idle_workers_make_no_spans(
    made: tuple[Choice, Project], received: Collector
) -> None:
    _, service = made
    with running(service, received.url) as server:
        for _ in range(5):
            assert server.get("/livez")[0] == 200
            assert server.get("/readyz")[0] == 200
        time.sleep(3)
    assert received.spans == []


def test_a_share_of_the_traces_is_recorded(
    made: tuple[Choice, Project], received: Collector
) -> None:
    _, service = made
    silent = Project(
        service.path,
        service.python,
        {**service.environment, "APP_TELEMETRY__SAMPLE_RATIO": "0"},
    )
    trace, headers = new_trace()
    with running(silent, received.url) as server:
        server.get("/nowhere")
        ask(server, "GET", "/nowhere", **headers)
    assert [(one.name, one.trace) for one in received.spans] == [(UNMATCHED, trace)]


@pytest.mark.parametrize("how", ["refuses", "hangs"])
def test_without_its_collector_the_service_answers(made: tuple[Choice, Project], how: str) -> None:
    _, service = made
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if how == "hangs":
            listener.listen()  # connections are accepted by the system, and never answered
        port = listener.getsockname()[1]
        with running(service, f"http://127.0.0.1:{port}") as server:
            for _ in range(2000 // 40):
                assert {server.get("/products")[0] for _ in range(40)} == {200}
    assert "Traceback" not in server.output()
