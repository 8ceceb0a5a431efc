"""Each server as `python -m app` starts it: what clients see, and how it stops."""

import http.client
import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import edge_probe
import harness
import pytest
from harness import Project, Server, serve, until

pytestmark = pytest.mark.service
SERVERS = ["uvicorn", "gunicorn", "granian"]
WORKERS = 2
REPLACED_SECONDS = 30


@pytest.fixture(scope="module", params=SERVERS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Render a project with each server."""
    folder = tmp_path_factory.mktemp(request.param) / "demo"
    environment = {"APP_ENVIRONMENT": "production"}
    return harness.project(folder, environment, db_driver="none", server=request.param)


@pytest.fixture
def probed(made: Project, tmp_path: Path) -> Project:
    """Copy the project, with a few routes more."""
    folder = tmp_path / "demo"
    subprocess.run(["/bin/cp", "-r", made.path, folder], check=True)
    edge_probe.add_to(folder)
    return Project(folder, made.python, made.environment)


def seen(server: Server, **headers: str) -> dict[str, str]:
    request = urllib.request.Request(f"{server.address}/probe/seen", headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        found: dict[str, str] = json.load(response)
        return found


def slow_request(server: Server, seconds: float) -> subprocess.Popen[bytes]:
    """Start a client that prints the status of a request that takes `seconds`."""
    script = (
        "import urllib.request as r\n"
        f"print(r.urlopen('{server.address}/probe/slow?seconds={seconds}', timeout=60).status)"
    )
    return subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_project_is_clean(made: Project) -> None:
    made.run("ruff", "check", ".")
    made.run("ruff", "format", "--check", ".")
    made.run("mypy")


def test_workers_share_the_requests_and_the_metrics(probed: Project) -> None:
    answers: list[tuple[int, str]] = []

    def both_answer() -> bool:
        with ThreadPoolExecutor(20) as clients:
            answers.extend(clients.map(server.get, ["/probe/slow?seconds=0.05"] * 100))
        return len({body for _, body in answers}) == 2

    with serve(probed, workers=2) as server:
        until(both_answer, server.output, 30)  # on a busy machine one can be ready long before
        _, metrics = server.get("/metrics")
    (count,) = re.findall(
        r'http_request_duration_seconds_count\{.*"/probe/slow".*\} ([\d.]+)', metrics
    )
    assert float(count) == len(answers)
    assert "starting 2 worker processes: WEB_CONCURRENCY=2" in server.output()


def test_log_is_json_from_the_first_line_on(probed: Project) -> None:
    with serve(probed, workers=2) as server:
        server.get("/probe/slow?seconds=0")
    for line in server.output().splitlines():
        assert json.loads(line)["message"]


def test_trusted_proxy_names_the_client(probed: Project) -> None:
    with serve(probed, APP_SERVER__TRUSTED_PROXIES="127.0.0.1") as server:
        headers = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
        found = seen(server, **headers)
    assert (found["client"], found["scheme"]) == ("203.0.113.9", "https")


def test_others_cannot_name_the_client(probed: Project) -> None:
    with serve(probed, APP_SERVER__TRUSTED_PROXIES="192.0.2.0/24, 198.51.100.7") as server:
        headers = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
        found = seen(server, **headers)
    assert (found["client"], found["scheme"]) == ("127.0.0.1", "http")


def test_requests_are_finished_before_the_end(probed: Project) -> None:
    with serve(probed, workers=2) as server:
        client = slow_request(server, 3)
        time.sleep(1)
        server.process.send_signal(signal.SIGTERM)
        assert client.communicate(timeout=30)[0].strip() == b"200"
        server.process.wait(30)
    assert server.process.returncode == 0
    assert server.output().count("closed regularly") == 2


@pytest.mark.parametrize("workers", [1, 2])
def test_request_on_an_open_connection_is_answered_at_a_stop(probed: Project, workers: int) -> None:
    with serve(probed, workers=workers) as server:
        client = http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=30)
        server.process.send_signal(signal.SIGTERM)
        answers = [status(client, "/livez")]
        while answers[-1] == (200, None):
            time.sleep(0.05)  # idle for a moment, like a connection of a proxy
            answers.append(status(client, "/livez"))
        assert answers[-1] == (200, "close")
        server.process.wait(30)


def status(client: http.client.HTTPConnection, path: str) -> tuple[int, str | None]:
    """Ask on a kept connection: the status, and what becomes of the connection."""
    client.request("GET", path)
    response = client.getresponse()
    response.read()
    return response.status, response.headers.get("Connection")


@pytest.mark.parametrize("workers", [1, 2])
def test_unfinished_requests_do_not_hold_the_end_up(probed: Project, workers: int) -> None:
    limits = {
        "APP_SERVER__GRACEFUL_TIMEOUT": "1",
        "APP_GUNICORN__MANAGER_TIMEOUT": "6",
        "APP_GRANIAN__MANAGER_TIMEOUT": "1",
    }
    with serve(probed, workers=workers, **limits) as server:
        client = slow_request(server, 25)
        time.sleep(1)
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(15)
        client.communicate(timeout=30)
    assert client.returncode != 0
    if not is_granian(probed):
        # granian kills: what closes pools does not run for workers that held on too long.
        assert server.output().count("closed regularly") == workers


def is_granian(project: Project) -> bool:
    return (project.path / "app" / "granian_settings.py").exists()


def test_workers_are_replaced_under_load(probed: Project) -> None:
    if is_granian(probed):
        pytest.skip("granian cannot replace workers by requests")
    limits = {"APP_SERVER__MAX_REQUESTS": "30", "APP_SERVER__MAX_REQUESTS_JITTER": "10"}
    ends = time.monotonic() + REPLACED_SECONDS
    with serve(probed, workers=WORKERS, **limits) as server:
        # A worker looks ten times a second whether it has had its share: by time, not by requests.
        answers: set[tuple[int, str]] = set()
        while len(answers) <= WORKERS and time.monotonic() < ends:
            answers.add(twice(server, "/probe/slow?seconds=0"))
    assert {status for status, _ in answers} == {200}
    assert len(answers) > WORKERS


def twice(server: Server, path: str) -> tuple[int, str]:
    """Ask again when the connection breaks, as nginx does: a worker that leaves cuts new ones."""
    status, body = server.get(path)
    return (status, body) if status else server.get(path)


def test_wrong_settings_are_one_line_and_exit_code_2(probed: Project) -> None:
    done = subprocess.run(
        [probed.python, "-m", "app"],
        cwd=probed.path,
        env=probed.variables({"APP_SERVER__PORT": "eighty"}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: APP_SERVER__PORT: ")
    assert len(done.stderr.splitlines()) == 1
