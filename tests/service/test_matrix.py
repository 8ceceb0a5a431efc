"""Every two choices that can meet, in a service that runs: all routes, failures, its own tests.

`make matrix` runs this and writes `docs/boot-matrix.md`.
"""

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from combinations import Answers, named
from contract import (
    ask,
    create_read_change,
    failures,
    lists_and_exports,
    migrate_twice_at_once,
    review_and_rating,
)
from harness import (
    Project,
    Server,
    describe,
    environment_with_all,
    python_for,
    render,
    serve,
    until,
    working,
)
from matrix import LAYERS, SCHEMES, Backends, interpreters, rates, rows

pytestmark = pytest.mark.service

WAIT_SECONDS = 60
WORKERS = 2
OWN_PACKAGES = 4
"""One row in so many has its own packages alone, so that no other hides one that is missing.

To install and compile them for each row takes long, and that every import is declared is also tested
without starting anything (`test_combinations.py`).
"""


@pytest.fixture(scope="module")
def backends() -> Iterator[Backends]:
    """Servers of the tests' own."""
    with ExitStack() as stack:
        yield Backends(stack)


@pytest.mark.parametrize("row", range(len(rows())), ids=[named(row) for row in rows()])
def test_it_runs(row: int, tmp_path: Path, backends: Backends) -> None:
    answers = rows()[row]
    with rates() as url:
        environment = backends.environment(answers, row) | {"APP_RATES__URL": url}
        path = render(tmp_path / "demo", **answers)
        made = Project(path, python_of(row, path), environment)
        if (made.path / "app" / "migrate.py").exists():
            migrate_twice_at_once(made)
        with worker(made, answers), serve(made, workers=WORKERS) as server:
            every_operation_is_answered(server)
            if answers.get("example"):
                the_example_works(server, answers)
            if answers["db_driver"] in SCHEMES and answers.get("example"):
                the_database_goes_and_returns(server, backends, answers)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(60) == 0, server.output()
        assert "Traceback" not in server.output()
        made.run("pytest", "-q", CI="true")


def python_of(row: int, path: Path) -> Path:
    """Give the environment of a row; which interpreter it has and what is installed take turns."""
    interpreter = interpreters()[row % len(interpreters())]
    if row % OWN_PACKAGES == 0:
        return python_for(path, interpreter)
    describe(path)
    return environment_with_all(interpreter)


@contextmanager
def worker(made: Project, answers: Answers) -> Iterator[None]:
    """Run a worker of the queue, where jobs need one, and stop it by SIGTERM."""
    if answers["queue"] == "background":
        yield
        return
    with working(made, made.path / "worker.log"):
        yield


def test_each_driver_is_there_with_each_layer() -> None:
    found = {(row["db_driver"], row.get("data_layer")) for row in rows() if row.get("example")}
    assert found == LAYERS


def every_operation_is_answered(server: Server) -> None:
    """No operation of the schema fails with a status that it does not document, whatever is sent."""
    status, body = server.get("/openapi.json")
    assert status == 200
    for path, operations in json.loads(body)["paths"].items():
        concrete = path.replace("{currency}", "USD").replace("{product_id}", "1")
        for method in operations:
            status = ask(server, method.upper(), concrete.replace("{review_id}", "1"))[0]
            assert 200 <= status < 500, f"{method} {path}: {status}\n{server.output()}"
    assert server.get("/docs")[0] == 200
    assert server.get("/nowhere")[0] == 404


def the_example_works(server: Server, answers: Answers) -> None:
    """Write, read, list, export; a job that ends; a cached value; what must not be kept."""
    product = create_read_change(server)
    review_and_rating(server, product)
    lists_and_exports(server)
    failures(server, product)
    path = f"/products/{product['id']}"
    review = {"product_id": product["id"], "author": "Ada", "rating": 2}
    assert ask(server, "POST", "/reviews", review)[0] == 201
    until(lambda: ask(server, "GET", path)[1]["rating"] == 2, server.output, WAIT_SECONDS)
    price = ask(server, "GET", f"{path}/prices/USD")
    assert (price[0], price[1]["amount"]) == (200, "0.14")
    assert ask(server, "GET", f"{path}/prices/USD")[1] == price[1]
    if answers["metrics"] in {"prometheus", "both"}:
        assert 'route="/products/{product_id}"' in server.get("/metrics")[1]
    assert server.get("/readyz")[0] == 200


def the_database_goes_and_returns(server: Server, backends: Backends, answers: Answers) -> None:
    """Without its database the service says 503 and lives; with it, it works again by itself."""
    database = backends.database(SCHEMES[answers["db_driver"]])
    new: dict[str, Any] = {"sku": "late", "name": "l", "category": "c", "price_cents": 1}
    database.stop()
    try:
        assert ask(server, "POST", "/products", new)[0] == 503
        assert server.get("/livez")[0] == 200
        assert server.get("/readyz")[0] == 503
    finally:
        database.start()
    stored = {201, 409}
    until(lambda: ask(server, "POST", "/products", new)[0] in stored, server.output, WAIT_SECONDS)
    until(lambda: server.get("/readyz")[0] == 200, server.output, WAIT_SECONDS)
