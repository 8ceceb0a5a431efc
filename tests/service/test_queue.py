"""Every queue on every broker, in real worker processes: what happens when things go wrong."""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import brokers
import databases
import jobs_probe
import psycopg
import pytest
from harness import Project, Server, free_port, project, serve, start_worker, until

pytestmark = [pytest.mark.service, pytest.mark.nightly]

WAIT_SECONDS = 200

START = {
    "redis": brokers.redis,
    "rabbitmq": brokers.rabbitmq,
    "nats": brokers.nats,
}


class Choice(NamedTuple):
    """A queue and its broker; no broker where the database is it."""

    queue: str
    broker: str = ""


CHOICES = [
    Choice("taskiq", "redis"),
    Choice("taskiq", "rabbitmq"),
    Choice("taskiq", "nats"),
    Choice("saq", "redis"),
    Choice("celery", "rabbitmq"),
    Choice("celery", "redis"),
    Choice("procrastinate"),
]


@dataclass
class Service:
    """A rendered project with a database and a broker of its own."""

    project: Project
    database: databases.DatabaseServer
    broker: brokers.Broker | databases.DatabaseServer
    knows_keys: bool = True
    """Whether the queue refuses a second job with the same key."""
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def log(self) -> Path:
        return self.project.path / "workers.log"

    def start_worker(self, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        worker = start_worker(self.project, self.log, *arguments, **variables)
        self.workers.append(worker)
        return worker

    def stop_workers(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                os.killpg(worker.pid, signal.SIGKILL)
                worker.wait()
        self.workers.clear()

    def query(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        address = f"host=127.0.0.1 port={self.database.port} user=postgres dbname=postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def effects(self, name: str) -> int:
        return len(self.query("SELECT 1 FROM probe_effects WHERE name = %s", name))

    def starts(self, name: str) -> int:
        return len(self.query("SELECT 1 FROM probe_starts WHERE name = %s", name))

    def wait(self, condition: Callable[[], object]) -> None:
        until(condition, self.log.read_text, WAIT_SECONDS)


def post(server: Server, path: str, request_id: str = "") -> int:
    headers = {"X-Request-ID": request_id} if request_id else {}
    request = urllib.request.Request(server.address + path, method="POST", headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


@contextmanager
def own_broker(
    choice: Choice, database: databases.DatabaseServer
) -> Iterator[brokers.Broker | databases.DatabaseServer]:
    if not choice.broker:
        yield database
        return
    with START[choice.broker]() as broker:
        yield broker


@pytest.fixture(scope="module", params=CHOICES, ids="-".join)
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    choice: Choice = request.param
    answers = {"broker": choice.broker} if choice.broker else {}
    with (
        databases.postgresql(max_connections=60) as database,
        own_broker(choice, database) as broker,
    ):
        environment = {
            "APP_DATABASE__URL": database.url("postgres"),
            "APP_QUEUE__REDELIVER_AFTER": "3",
            "APP_LOG__JSON_LINES": "true",
            "APP_QUEUE__NAME": "probe",
        }
        if isinstance(broker, brokers.Broker):
            environment["APP_QUEUE__URL"] = broker.url
        made = project(
            tmp_path_factory.mktemp("queue") / "demo",
            environment,
            db_driver="asyncpg",
            example=False,
            queue=choice.queue,
            **answers,
        )
        jobs_probe.add_to(made.path)
        database.execute(jobs_probe.TABLES)
        prepare(made, choice)
        yield Service(made, database, broker, choice.broker != "rabbitmq")


def prepare(made: Project, choice: Choice) -> None:
    """Do what a deployment does once."""
    if choice.queue == "procrastinate":
        made.run("app.migrate")


@pytest.fixture
def service(opened: Service) -> Iterator[Service]:
    opened.query("TRUNCATE probe_requests, probe_starts, probe_effects")
    opened.log.write_bytes(b"")
    yield opened
    opened.stop_workers()


def test_a_job_runs_in_a_worker_with_the_id_of_its_request(service: Service) -> None:
    name, request_id = unique(), uuid.uuid4().hex
    with serve(service.project) as server:
        assert server.get("/readyz")[0] == 200
        assert post(server, f"/probe/{name}", request_id) == 200
        service.start_worker()
        service.wait(lambda: service.effects(name))
    done = [event for event in events(service) if event.get("outcome") == "done"]
    (event,) = [event for event in done if event["job"] == "probe.tasks.trace"]
    assert event["request_id"] == request_id


def test_a_rolled_back_request_leaves_no_job(service: Service) -> None:
    refused, accepted = unique(), unique()
    with serve(service.project) as server:
        assert post(server, f"/probe/{refused}?fail=true") == 409
        assert post(server, f"/probe/{accepted}") == 200
    service.start_worker()
    service.wait(lambda: service.effects(accepted))
    time.sleep(1)
    assert service.starts(refused) == 0


def test_a_job_whose_worker_is_killed_completes_elsewhere(service: Service) -> None:
    name = unique()
    with serve(service.project) as server:
        assert post(server, f"/probe/{name}?seconds=4") == 200
    victim = service.start_worker()
    service.wait(lambda: service.starts(name) == 1)
    os.killpg(victim.pid, signal.SIGKILL)
    victim.wait()
    service.start_worker()
    service.wait(lambda: service.effects(name))
    time.sleep(1)
    assert service.starts(name) == 2
    assert service.effects(name) == 1


def test_workers_that_die_are_not_failures_of_the_job(service: Service) -> None:
    """It is tried again once after a failure; here more workers die than that."""
    name = unique()
    with serve(service.project) as server:
        assert post(server, f"/probe/{name}?seconds=3") == 200
    for _ in range(2):
        before = service.starts(name)
        victim = service.start_worker()
        service.wait(lambda: service.starts(name) > before)  # noqa: B023 - called in this turn
        os.killpg(victim.pid, signal.SIGKILL)
        victim.wait()
    service.start_worker()
    service.wait(lambda: service.effects(name))
    assert name not in service.project.run("app.worker", "dead")


def test_a_long_job_is_not_given_to_a_second_worker(service: Service) -> None:
    name = unique()
    with serve(service.project) as server:
        assert post(server, f"/probe/{name}?seconds=8") == 200
    service.start_worker()
    service.wait(lambda: service.starts(name) == 1)
    service.start_worker()
    service.wait(lambda: service.effects(name))
    time.sleep(1)
    assert service.starts(name) == 1


def test_a_stopping_worker_finishes_its_job(service: Service) -> None:
    name = unique()
    with serve(service.project) as server:
        assert post(server, f"/probe/{name}?seconds=2") == 200
    worker = service.start_worker()
    service.wait(lambda: service.starts(name) == 1)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=30) == 0
    assert service.effects(name) == 1


def test_a_job_that_a_stopping_worker_cannot_finish_is_done_by_another(service: Service) -> None:
    name = unique()
    with serve(service.project) as server:
        assert post(server, f"/probe/{name}?seconds=6") == 200
    hurried = Project(
        service.project.path,
        service.project.python,
        {**service.project.environment, "APP_QUEUE__STOP_GRACE": "0.5"},
    )
    worker = replace(service, project=hurried).start_worker()
    service.wait(lambda: service.starts(name) == 1)
    worker.send_signal(signal.SIGTERM)
    worker.wait(timeout=30)
    assert service.effects(name) == 0
    service.start_worker()
    service.wait(lambda: service.effects(name))


def test_a_failing_job_is_kept_and_can_be_replayed(service: Service) -> None:
    name = unique("poison")
    with serve(service.project) as server:
        assert post(server, f"/probe/{name}") == 200
        service.start_worker()
        service.wait(lambda: name in service.project.run("app.worker", "dead"))
        assert service.starts(name) == 2
        listed = service.project.run("app.worker", "dead")
        assert "RuntimeError: poison" in listed
        assert post(server, "/probe/cure") == 200
        service.wait(lambda: service.effects("cure"))
    assert "1 enqueued" in service.project.run("app.worker", "replay")
    service.wait(lambda: service.effects(name))
    assert name not in service.project.run("app.worker", "dead")


def test_what_was_acknowledged_survives_a_restart_of_the_broker(service: Service) -> None:
    names = [unique() for _ in range(20)]
    with serve(service.project) as server:
        for name in names[:10]:
            assert post(server, f"/probe/{name}") == 200
        service.broker.stop()
        if isinstance(service.broker, brokers.Broker):
            assert server.get("/readyz")[0] == 503
        service.broker.start()
        service.wait(lambda: server.get("/readyz")[0] == 200)
        for name in names[10:]:
            assert post(server, f"/probe/{name}") == 200
        service.start_worker()
        service.wait(lambda: all(service.effects(name) == 1 for name in names))


def test_a_worker_outlives_a_restart_of_the_broker(service: Service) -> None:
    before, after = unique(), unique()
    with serve(service.project) as server:
        service.start_worker()
        assert post(server, f"/probe/{before}") == 200
        service.wait(lambda: service.effects(before))
        service.broker.stop()
        service.broker.start()
        service.wait(lambda: server.get("/readyz")[0] == 200)
        assert post(server, f"/probe/{after}") == 200
        service.wait(lambda: service.effects(after))


def test_a_job_with_a_key_is_enqueued_once_and_has_one_effect(service: Service) -> None:
    name = unique()
    path = f"/probe/{name}?key=of-{name}"
    with serve(service.project, workers=2) as server, ThreadPoolExecutor(10) as pool:
        assert post(server, f"{path}&fail=true") == 409
        assert set(pool.map(lambda _: post(server, path), range(10))) == {200}
        service.start_worker()
        service.wait(lambda: service.effects(name))
        assert post(server, path) == 200
        other = unique()
        assert post(server, f"/probe/{other}?key=of-{other}") == 200
        service.wait(lambda: service.effects(other))
        told = server.get("/metrics")[1]
    time.sleep(1)
    if service.knows_keys:
        assert service.starts(name) == 1
        assert 'queue_duplicates_total{job="probe.tasks.trace"} 10.0' in told
    else:
        assert service.starts(name) == 11
    assert service.effects(name) == 1


def test_a_dead_job_with_a_key_can_be_replayed(service: Service) -> None:
    name = unique("poison")
    path = f"/probe/{name}?key=of-{name}"
    with serve(service.project) as server:
        assert post(server, path) == 200
        service.start_worker()
        service.wait(lambda: name in service.project.run("app.worker", "dead"))
        assert post(server, "/probe/cure") == 200
        service.wait(lambda: service.effects("cure"))
    service.project.run("app.worker", "replay")
    service.wait(lambda: service.effects(name))


def test_a_worker_tells_what_its_jobs_did(service: Service) -> None:
    done, poison, port = unique(), unique("poison"), free_port()
    with serve(service.project) as server:
        assert post(server, f"/probe/{done}") == 200
        assert post(server, f"/probe/{poison}") == 200
        enqueued = server.get("/metrics")[1]
    assert 'queue_enqueued_total{job="probe.tasks.trace"} 2.0' in enqueued
    service.start_worker(APP_WORKER_METRICS__PORT=str(port))
    service.wait(
        lambda: service.effects(done) and poison in service.project.run("app.worker", "dead")
    )
    told = Server(f"http://127.0.0.1:{port}", service.workers[-1], service.log).get("/metrics")[1]
    for sample in (
        'queue_jobs_total{job="probe.tasks.trace",outcome="done"} 1.0',
        'queue_jobs_total{job="probe.tasks.trace",outcome="failed"} 2.0',
        'queue_retries_total{job="probe.tasks.trace"} 1.0',
        'queue_dead_total{job="probe.tasks.trace"} 1.0',
        'queue_running{job="probe.tasks.trace"} 0.0',
        'queue_job_seconds_count{job="probe.tasks.trace"} 3.0',
    ):
        assert sample in told, told


def test_the_scheduler_stays_until_it_is_stopped(service: Service) -> None:
    scheduler = service.start_worker("schedule")
    service.wait(lambda: "scheduled jobs" in service.log.read_text())
    with pytest.raises(subprocess.TimeoutExpired):
        scheduler.wait(timeout=3)
    scheduler.send_signal(signal.SIGTERM)
    assert scheduler.wait(timeout=30) == 0


def test_scheduled_jobs_are_enqueued(service: Service) -> None:
    service.start_worker()
    service.start_worker("schedule")
    service.wait(lambda: service.effects("tick"))
    assert service.effects("tick") == 1


def test_the_projects_own_tests_pass(service: Service) -> None:
    servers = {"APP_TEST_DATABASE__URL": service.database.url("postgres")}
    if isinstance(service.broker, brokers.Broker):
        servers["APP_TEST_QUEUE__URL"] = service.broker.url
    made = service.project
    tested = Project(made.path, made.python, {**made.environment, **servers})
    assert " passed" in tested.run("pytest", "-q", CI="true")


def unique(prefix: str = "job") -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def events(service: Service) -> list[dict[str, object]]:
    lines = service.log.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]
