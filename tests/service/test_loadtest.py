"""Load tests of rendered projects: they pass on a service that does well, and fail on one that does not."""

import csv
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import ROOT
from harness import Project, environment_with, missing, project, serve
from tools import debian, jmeter

pytestmark = pytest.mark.service

TOOLS = ("locust", "jmeter")
SHORT = {
    "LOADTEST_RAMP_SECONDS": "2",
    "LOADTEST_SECONDS": "5",
    "LOADTEST_REQUESTS_PER_SECOND": "5",
    # The machine of the tests may be busy: what is tested is the verdict.
    "LOADTEST_P95_MS": "5000",
}
FAILING = {
    "the service sheds what comes at once": (
        {"APP_SERVER__MAX_IN_FLIGHT": "1", "LOADTEST_REQUESTS_PER_SECOND": "30"},
        r"failed requests in .* MISSED",
    ),
    "it answers later than is wanted": ({"LOADTEST_P95_MS": "0.5"}, "percentile .* MISSED"),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Render the default project with both tools."""
    return project(tmp_path_factory.mktemp("shop") / "demo", load_test="both")


@pytest.fixture(scope="module")
def path() -> str:
    """Give a PATH that has JMeter."""
    try:
        return f"{jmeter.jmeter()}{os.pathsep}{os.environ['PATH']}"
    except debian.UnavailableError as error:
        missing(str(error))


def load(made: Project, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a short load test of a project."""
    return subprocess.run(
        [made.python, "-m", "loadtest", *arguments],
        cwd=made.path,
        env=made.variables(SHORT | settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def report(made: Project, done: subprocess.CompletedProcess[str]) -> Path:
    """Find the report that the output names."""
    found = re.search(r"^report: (.*)$", done.stdout, re.M)
    assert found, done.stdout + done.stderr
    return made.path / found[1]


@pytest.mark.parametrize("tool", TOOLS)
def test_healthy_service_passes(shop: Project, path: str, tool: str) -> None:
    done = load(shop, tool, PATH=path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" met\n") == 3
    page = report(shop, done)
    assert "<html" in page.read_text(encoding="utf-8").lower()
    mix = tomllib.loads((shop.path / "loadtest" / "mix.toml").read_text(encoding="utf-8"))["mix"]
    often = {step["name"] for step in mix if step["weight"] >= 20}
    assert often <= set(names_of(page))


def names_of(page: Path) -> Iterator[str]:
    """Names of the requests that were sent, by what the tool wrote beside its report."""
    written = {"locust_stats.csv": "Name", "samples.csv": "label"}
    for folder in page.parents[:2]:
        for name, column in written.items():
            if (folder / name).is_file():
                with (folder / name).open(encoding="utf-8") as file:
                    yield from (row[column] for row in csv.DictReader(file))


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("why", FAILING)
def test_bad_service_fails(shop: Project, path: str, tool: str, why: str) -> None:
    settings, said = FAILING[why]
    done = load(shop, tool, PATH=path, **settings)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(said, done.stdout), done.stdout
    assert report(shop, done).is_file()


def test_service_that_runs_already(tmp_path: Path) -> None:
    made = project(tmp_path / "demo", db_driver="none")
    with serve(made) as server:
        done = load(made, "--url", server.address)
        assert done.returncode == 0, done.stdout + done.stderr


def test_service_that_does_not_start(shop: Project) -> None:
    done = load(shop, "locust", APP_LOG__LEVEL="LOUD")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"error: .* failed: see .*service\.log\n", done.stderr)


def test_another_repository(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        "from fastapi import FastAPI\n\napp = FastAPI()\n\n\n"
        '@app.get("/things")\ndef things() -> list[int]:\n    return [1, 2]\n'
    )
    (tmp_path / "requirements.txt").write_text("fastapi\nuvicorn\n")
    command = [
        sys.executable,
        "-m",
        "generator",
        "generate",
        "loadtest",
        "--project",
        str(tmp_path),
    ]
    variables = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(command, env=variables, check=True, capture_output=True)
    python = environment_with(["fastapi", "uvicorn", "locust"])
    made = Project(tmp_path, python)
    passed, failed = (load(made, LOADTEST_P95_MS=p95) for p95 in ("5000", "0.1"))
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert failed.returncode == 1
    assert "/things" in set(names_of(report(made, passed)))
