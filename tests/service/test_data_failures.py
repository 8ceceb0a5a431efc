"""Databases that are full, gone and back again, under load, with four worker processes."""

import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from databases import DatabaseServer, mariadb, postgresql
from harness import Project, Server, project, serve, until_all_answer
from load import load

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.nightly]

WORKERS = 4
CLIENTS = 32
SMALL_LIMIT = 30
COMBINATIONS = [
    ("asyncpg", "sqlalchemy"),
    ("asyncpg", "asyncpg"),
    ("psycopg", "sqlalchemy"),
    ("asyncmy", "sqlalchemy"),
    ("aiomysql", "sqlalchemy"),
]

COUNT = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE datname = 'small'",
    "mysql": "SELECT count(*) FROM information_schema.processlist WHERE db = 'small'",
}


@contextmanager
def small_server(driver: str) -> Iterator[DatabaseServer]:
    """A server that allows few connections, with a database `small`."""
    if driver in {"asyncpg", "psycopg"}:
        running = postgresql(max_connections=SMALL_LIMIT)
    else:
        running = mariadb(max_connections=SMALL_LIMIT)
    with running as server:
        server.execute("CREATE DATABASE small")
        yield server


@contextmanager
def running(
    path: Path, driver: str, layer: str, server: DatabaseServer, **extra: str
) -> Iterator[tuple[Project, Server]]:
    """Serve a project that is planned for the server's limit, with one product."""
    service = project(
        path / "demo",
        {"APP_DATABASE__URL": server.url("small"), "APP_ENVIRONMENT": "production"},
        db_driver=driver,
        data_layer=layer,
        cache="none",
        cpus=WORKERS,
        memory_mb=4096,
        replicas=1,
        db_max_connections=SMALL_LIMIT,
    )
    service.run("app.migrate")
    with serve(service, workers=WORKERS, **extra) as answering:
        yield service, answering


def planned(project: Project) -> int:
    """How many connections the workers may open together."""
    numbers = project.path / "app" / "environments" / "production.toml"
    share: int = tomllib.loads(numbers.read_text(encoding="utf-8"))["database"][
        "connections_per_replica"
    ]
    assert 2 * share < SMALL_LIMIT  # a rolling deployment has two replicas for a moment
    return share


def connections(server: DatabaseServer) -> int:
    """How many connections the service has at this moment."""
    return int(server.execute(COUNT[server.scheme])[0][0])


@pytest.mark.parametrize(("driver", "layer"), COMBINATIONS)
def test_gone_and_back(tmp_path: Path, driver: str, layer: str) -> None:
    """The limit is kept; while the database is gone the answer is 503; then all is well again."""
    with (
        small_server(driver) as database,
        running(tmp_path, driver, layer, database) as (project, service),
        load(service.address, "/products", CLIENTS) as clients,
    ):
        allowed = planned(project)
        assert 0 < max(sampled(database)) <= allowed
        assert set(clients.statuses) == {200}

        database.stop()
        time.sleep(1)
        clients.forget()
        time.sleep(3)
        assert set(clients.statuses) == {503}
        assert clients.slowest < 10
        assert service.get("/livez")[0] == 200
        assert service.get("/readyz")[0] == 503

        database.start()
        until_all_answer(service, "/readyz", 200, WORKERS)
        clients.forget()
        time.sleep(2)
        assert set(clients.statuses) == {200}
        assert max(sampled(database)) <= allowed


def sampled(database: DatabaseServer) -> Iterator[int]:
    """The numbers of connections during three seconds."""
    for _ in range(15):
        yield connections(database)
        time.sleep(0.2)


@pytest.mark.parametrize(("driver", "layer"), COMBINATIONS)
def test_a_server_that_hangs(tmp_path: Path, driver: str, layer: str) -> None:
    """Nothing hangs with it: every request is answered within the request's time limit."""
    with (
        small_server(driver) as database,
        running(tmp_path, driver, layer, database) as (_, service),
    ):
        assert service.get("/products")[0] == 200
        with database.frozen(), load(service.address, "/products", CLIENTS) as clients:
            time.sleep(8)
            assert service.get("/livez")[0] == 200
            # At most as many as there are connections wait for their statement, the rest is told.
            assert clients.statuses[503] > 0
            assert set(clients.statuses) <= {503, 504}
            clients.stop()
        until_all_answer(service, "/readyz", 200, WORKERS)


@pytest.mark.parametrize("driver", ["asyncpg", "asyncmy"])
def test_a_server_that_is_full(tmp_path: Path, driver: str) -> None:
    """Refused connections are answered with 503, and used again as soon as there are some."""
    with (
        small_server(driver) as database,
        running(tmp_path, driver, "sqlalchemy", database) as (_, service),
    ):
        with database.occupied(SMALL_LIMIT):
            assert service.get("/products")[0] == 503
        until_all_answer(service, "/readyz", 200, WORKERS)
        assert service.get("/products")[0] == 200


@pytest.mark.parametrize("driver", ["asyncpg", "asyncmy"])
def test_the_budget_at_the_start(tmp_path: Path, driver: str) -> None:
    """The arithmetic is logged; what cannot fit is a warning, or refused."""
    with (
        small_server(driver) as database,
        running(tmp_path, driver, "sqlalchemy", database) as (project, service),
    ):
        assert f"the server allows {SMALL_LIMIT}" in service.output()
        assert "too few" not in service.output()
        beyond = {"APP_DATABASE__FLEET_CONNECTIONS": "31"}
        with serve(project, workers=1, **beyond) as warned:
            assert "too few" in warned.output()
        refused = {**beyond, "APP_DATABASE__OVER_BUDGET": "refuse"}
        assert "not started" in project.run("app", check=False, **refused)
