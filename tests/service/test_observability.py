"""A real Prometheus with the rendered configuration asks a rendered service: every panel has data."""

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from checkers import queries
from harness import Project, Server, free_port, missing, project, serve, until, working
from matrix import Backends

pytestmark = pytest.mark.service

ANSWERS: Mapping[str, Any] = {
    "db_driver": "asyncpg",
    "cache": "redis",
    "queue": "taskiq",
    "broker": "redis",
    "load_test": "locust",
}
LOAD = {
    "LOADTEST_RAMP_SECONDS": "2",
    "LOADTEST_SECONDS": "8",
    "LOADTEST_REQUESTS_PER_SECOND": "10",
    "LOADTEST_P95_MS": "5000",
}
WAIT_SECONDS = 60


@contextmanager
def scraper(made: Project, ports: Mapping[str, int]) -> Iterator[str]:
    """Run Prometheus with the rendered files; only addresses and times are the test's."""
    program = shutil.which("prometheus")
    if program is None:
        missing("prometheus is not installed")
    folder = made.path / "prometheus"
    shutil.copytree(made.path / "deploy" / "prometheus", folder)
    config = yaml.safe_load((folder / "prometheus.yml").read_text(encoding="utf-8"))
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    for job in config["scrape_configs"]:
        found = job.pop("dns_sd_configs")[0]["names"]
        job["static_configs"] = [{"targets": [f"127.0.0.1:{ports[name]}" for name in found]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    port = free_port()
    command = [program, "--config.file=prometheus.yml", f"--web.listen-address=127.0.0.1:{port}"]
    # Debian's Prometheus would share one folder with everything else on the machine.
    command.append("--storage.tsdb.path=data")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def result(address: str, expression: str) -> list[Any]:
    """Ask Prometheus; nothing where it does not answer yet."""
    query = urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(f"{address}/api/v1/query?{query}") as answer:  # noqa: S310
            found: list[Any] = json.load(answer)["data"]["result"]
            return found
    except OSError:
        return []


def without_data(address: str, expressions: Sequence[str]) -> list[str]:
    """Give the expressions that find nothing."""
    return [expression for expression in expressions if not result(address, expression)]


@contextmanager
def watched(folder: Path, number: int) -> Iterator[tuple[Project, Server, str]]:
    """Start a service of two workers, its queue worker, and Prometheus, which has found both."""
    with ExitStack() as stack:
        port = free_port()
        environment = Backends(stack).environment(dict(ANSWERS), number)
        made = project(folder, {**environment, "APP_WORKER_METRICS__PORT": str(port)}, **ANSWERS)
        made.run("app.migrate")
        log = made.path / "worker.log"
        stack.enter_context(working(made, log))
        server = stack.enter_context(serve(made, workers=2))
        own = urllib.parse.urlsplit(server.address).port or 0
        prometheus = stack.enter_context(scraper(made, {"app": own, "worker": port}))
        until(lambda: len(result(prometheus, "up == 1")) == 2, log.read_text, WAIT_SECONDS)
        yield made, server, prometheus


def test_every_panel_has_data(tmp_path: Path) -> None:
    with watched(tmp_path / "demo", 900) as (made, server, prometheus):
        said = made.run("loadtest", "--url", server.address, check=False, **LOAD)
        assert said.count(" met\n") == 3, said
        path = made.path / "deploy/grafana/dashboards/service.json"
        asked = queries(json.loads(path.read_text("utf-8")))
        empty = partial(without_data, prometheus, asked)
        until(lambda: not empty(), lambda: "\n".join(empty()), WAIT_SECONDS)
        by_route = result(prometheus, next(e for e in asked if "by (le, route)" in e))
        assert "/products/{product_id}" in {one["metric"]["route"] for one in by_route}
        jobs = result(prometheus, next(e for e in asked if "queue_jobs_total" in e))
        assert [one["metric"].get("outcome") for one in jobs] == ["done"]
        assert result(prometheus, "ALERTS") == []
