"""Services behind PgBouncer in transaction mode, with the configuration that was rendered."""

import signal
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from contract import ask, create_read_change, failures, lists_and_exports, review_and_rating
from databases import DatabaseServer
from harness import Project, project, serve, start_worker, until, until_all_answer
from load import load
from pooler import PASSWORD, USER, Pooler, database_with_passwords, pgbouncer

pytestmark = pytest.mark.service

WORKERS = 4
CLIENTS = 32
PATIENCE = 30
COMBINATIONS = [
    ("asyncpg", "sqlalchemy"),
    ("asyncpg", "asyncpg"),
    ("psycopg", "sqlalchemy"),
    ("asyncpg", "sqlmodel"),
]
OWN_CONNECTIONS = f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{USER}'"  # noqa: S608


@pytest.fixture(params=COMBINATIONS, ids="-".join)
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    """A rendered project that knows no address yet."""
    driver, layer = request.param
    return project(
        tmp_path / "demo",
        db_driver=driver,
        data_layer=layer,
        pgbouncer=True,
        cache="none",
        cpus=WORKERS,
        memory_mb=4096,
        deployment=["compose"],
    )


@pytest.fixture
def database() -> Iterator[DatabaseServer]:
    with database_with_passwords() as server:
        yield server


@pytest.fixture
def pooler(service: Project, database: DatabaseServer) -> Iterator[Pooler]:
    with pgbouncer(service.path / "deploy" / "pgbouncer" / "pgbouncer.ini", database) as running:
        yield running


def addresses(pooler: Pooler, database: DatabaseServer) -> dict[str, str]:
    """What a deployment sets."""
    direct = f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{database.port}/{USER}"
    return {
        "APP_ENVIRONMENT": "production",
        "APP_DATABASE__URL": pooler.url(USER),
        "APP_DATABASE__DIRECT_URL": direct,
    }


def connections(database: DatabaseServer) -> int:
    """How many connections PgBouncer has to the server at this moment."""
    return int(database.execute(OWN_CONNECTIONS)[0][0])


def sampled(database: DatabaseServer) -> Iterator[int]:
    """The numbers of connections during two seconds."""
    for _ in range(20):
        yield connections(database)
        time.sleep(0.1)


def test_its_own_checks_pass_through_it(service: Project, pooler: Pooler) -> None:
    """The contract tests with PgBouncer as their server.

    Their databases have no time limit at the server: asyncpg has one of its own, psycopg has none.
    """
    server = pooler.url("postgres")
    psycopg = "psycopg" in (service.path / "pyproject.toml").read_text("utf-8")
    limits = "not a_statement_has_a_time_limit" if psycopg else ""
    service.run("ruff", "format", "--check", ".")
    service.run("ruff", "check", ".")
    service.run("pytest", "-q", "-k", limits, CI="true", APP_TEST_DATABASE__URL=server)


def test_every_route_and_few_connections(
    service: Project, database: DatabaseServer, pooler: Pooler
) -> None:
    variables = addresses(pooler, database)
    most = int(setting(service, "max_db_connections"))
    service.run("app.migrate", check=True, **variables)
    with serve(service, workers=WORKERS, **variables) as server:
        product = create_read_change(server)
        review_and_rating(server, product)
        lists_and_exports(server)
        failures(server, product)
        with load(server.address, "/products?limit=100", 2 * CLIENTS) as clients:
            time.sleep(1)
            clients.forget()
            seen = list(sampled(database))
            clients.stop()
        assert set(clients.statuses) == {200}
        assert 0 < max(seen) <= most
        assert " here to PgBouncer, " in server.output()
        assert "too few" not in server.output()
    assert "Traceback" not in server.output()
    limit = tomllib.loads((service.path / "app/environments/production.toml").read_text("utf-8"))
    assert pooler.value("SHOW statement_timeout") == f"{limit['database']['statement_timeout']}s"


@pytest.mark.slow
@pytest.mark.nightly
def test_gone_and_back(service: Project, database: DatabaseServer, pooler: Pooler) -> None:
    """Without PgBouncer, and without the server behind it, the answer is 503; then all is well."""
    variables = addresses(pooler, database)
    service.run("app.migrate", check=True, **variables)
    with serve(service, workers=WORKERS, **variables) as server:
        for part in (pooler, database):
            with load(server.address, "/products", CLIENTS) as clients:
                until_all_answer(server, "/products", 200, WORKERS)
                part.stop()
                until_all_answer(server, "/products", 503, WORKERS)
                clients.forget()
                time.sleep(3)
                assert set(clients.statuses) == {503}, type(part)
                assert clients.slowest < 15
                assert server.get("/livez")[0] == 200
                part.start()
                until_all_answer(server, "/products", 200, WORKERS)
                clients.forget()
                time.sleep(2)
                assert set(clients.statuses) == {200}, type(part)


@pytest.mark.parametrize("service", COMBINATIONS[:1], indirect=True, ids="-".join)
def test_a_stop_lets_transactions_end(service: Project, pooler: Pooler) -> None:
    """The signal that compose sends."""
    compose = (service.path / "compose.yaml").read_text("utf-8")
    assert "stop_signal: SIGINT" in compose.partition("\n  pgbouncer:\n")[2].partition("\n\n")[0]
    process = pooler.process
    assert process is not None
    with psycopg.connect(pooler.url(USER)) as connection:
        connection.execute("SELECT 1")
        stopping = threading.Thread(target=pooler.stop, args=(signal.SIGINT,))
        stopping.start()
        time.sleep(1)
        assert process.poll() is None
        assert connection.execute("SELECT 2").fetchone() == (2,)
        connection.commit()
    stopping.join(10)
    assert process.poll() == 0


@pytest.mark.slow
def test_jobs_run_behind_it(tmp_path: Path, database: DatabaseServer) -> None:
    """Enqueued through it, in the request's transaction; the worker listens at the server."""
    answers: dict[str, Any] = {"db_driver": "asyncpg", "queue": "procrastinate", "cache": "none"}
    service = project(tmp_path / "demo", pgbouncer=True, deployment=["compose"], **answers)
    with pgbouncer(service.path / "deploy" / "pgbouncer" / "pgbouncer.ini", database) as pooler:
        variables = addresses(pooler, database)
        service.run("app.migrate", check=True, **variables)
        worker = start_worker(service, service.path / "worker.log", **variables)
        try:
            with serve(service, workers=2, **variables) as server:
                product = create_read_change(server)
                review = {"product_id": product["id"], "author": "Ada", "rating": 4}
                assert ask(server, "POST", "/reviews", review)[0] == 201
                path = f"/products/{product['id']}"
                until(lambda: ask(server, "GET", path)[1]["rating"] == 4, server.output, PATIENCE)
        finally:
            worker.terminate()
            assert worker.wait(PATIENCE) == 0


def setting(service: Project, name: str) -> str:
    """A value of the rendered configuration."""
    text = (service.path / "deploy/pgbouncer/pgbouncer.ini").read_text("utf-8")
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name} = ")]
    return line.partition(" = ")[2]
