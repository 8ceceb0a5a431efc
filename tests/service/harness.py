"""What tests of rendered services share: render, install, serve, run commands.

Environments are built once for each set of requirements and kept in the user's cache directory, so
that projects with the same dependencies share one. A project is never installed there: it runs from
its own directory.
"""

import fcntl
import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest
from combinations import working_tree
from platformdirs import user_cache_path

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = ROOT / "templates" / "_shared" / "versions" / "pyproject.toml"
START_SECONDS = 180
ANSWER_SECONDS = 30
STOP_SECONDS = 60


@dataclass(frozen=True)
class Project:
    """A rendered project and the Python that has its dependencies."""

    path: Path
    python: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to the environment of every command."""

    def run(self, *command: str, check: bool = True, **extra: str) -> str:
        """Run `python -m COMMAND...` in the project; its output. `extra` are variables."""
        done = subprocess.run(
            [self.python, "-m", *command],
            cwd=self.path,
            env=self.variables(extra),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if check and done.returncode:
            pytest.fail(f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def variables(self, extra: Mapping[str, str]) -> dict[str, str]:
        """Give the environment of a command: that of the tests without the service's settings."""
        inherited = {name: value for name, value in os.environ.items() if name[:4] != "APP_"}
        # The types of the libraries are computed once for each environment.
        shared = {"MYPY_CACHE_DIR": str(self.python.parents[1] / "mypy")}
        return inherited | shared | dict(self.environment) | dict(extra)


def render(destination: Path, **answers: object) -> Path:
    """Render the working tree's template with `answers` into `destination`."""
    working_tree(destination, {"project_name": "demo", **answers})
    return destination


def project(
    destination: Path, environment: Mapping[str, str] | None = None, **answers: object
) -> Project:
    """Render a project and find or build the environment with its dependencies."""
    return rendered(render(destination, **answers), environment)


def rendered(path: Path, environment: Mapping[str, str] | None = None) -> Project:
    """Give a project that is rendered already, with an environment that has its dependencies."""
    return Project(path, python_for(path), environment or {})


def python_for(path: Path, interpreter: Path | None = None) -> Path:
    """Describe the project, and find or build an environment with its requirements: its Python."""
    describe(path)
    return environment_with(requirements_of(path), interpreter)


def environment_with(requirements: Sequence[str], interpreter: Path | None = None) -> Path:
    """Find the environment that has the requirements; build it when there is none.

    It is one of the tests' own interpreter, if no other is named. Gives its Python.
    """
    base = str(interpreter or sys.executable)
    text = "\n".join([sys.version, base, *requirements])
    name = hashlib.sha256(text.encode()).hexdigest()[:16]
    home = user_cache_path("fastgen-tests") / name
    home.parent.mkdir(parents=True, exist_ok=True)
    # One test process builds, the others wait for it.
    with home.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "ready").exists():
            _uv("venv", "--clear", "--python", base, str(home))
            _uv("pip", "install", "--python", str(home), *requirements)
            (home / "ready").touch()
    return home / "bin" / "python"


def environment_with_all(interpreter: Path | None = None) -> Path:
    """Find or build the environment that has every package of the manifest: its Python."""
    return environment_with(
        tomllib.loads(MANIFEST.read_text(encoding="utf-8"))["project"]["dependencies"], interpreter
    )


def requirements_of(path: Path) -> list[str]:
    """Read what a rendered project and its tests require, with the bounds."""
    manifest = tomllib.loads((path / "pyproject.toml").read_text(encoding="utf-8"))
    groups = manifest["dependency-groups"].values()
    return sorted(
        {*manifest["project"]["dependencies"], *(one for group in groups for one in group)}
    )


def describe(path: Path) -> None:
    """Write the metadata that installing the project would write: the service reads its own."""
    manifest = tomllib.loads((path / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    normal = manifest["name"].replace("-", "_")  # as the names of such folders are written
    directory = path / f"{normal}-{manifest['version']}.dist-info"
    directory.mkdir(exist_ok=True)
    fields = (
        "Metadata-Version: 2.1",
        f"Name: {manifest['name']}",
        f"Version: {manifest['version']}",
    )
    text = "\n".join([*fields, f"Summary: {manifest['description']}", ""])
    (directory / "METADATA").write_text(text, encoding="utf-8")


def _uv(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "uv", "--quiet", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"uv {arguments[0]} failed:\n{done.stderr}")


def free_port() -> int:
    """Find a TCP port of the loopback interface that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Server:
    """A running service."""

    address: str
    process: subprocess.Popen[bytes]
    log: Path

    def output(self) -> str:
        """Read what it has written so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a GET request; status 0 where nobody answers."""
        try:
            with urllib.request.urlopen(self.address + path, timeout=30) as response:  # noqa: S310
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)


@contextmanager
def serve(project: Project, *, workers: int = 1, **extra: str) -> Iterator[Server]:
    """Run `python -m app` on a free port until the block ends; then stop it with SIGTERM."""
    port = free_port()
    log = project.path / f"server-{port}.log"
    variables = {
        "APP_SERVER__PORT": str(port),
        "APP_SERVER__RELOAD": "false",
        "WEB_CONCURRENCY": str(workers),
        **extra,
    }
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [project.python, "-m", "app"],
            cwd=project.path,
            env=project.variables(variables),
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(f"http://127.0.0.1:{port}", process, log)
    try:
        wait_until_live(server)
        yield server
    finally:
        _stop(process)


def start_worker(
    project: Project, log: Path, *arguments: str, **extra: str
) -> subprocess.Popen[bytes]:
    """Run `python -m app.worker ARGUMENTS...` in a process group of its own; it adds to `log`."""
    with log.open("ab") as sink:
        return subprocess.Popen(
            [project.python, "-m", "app.worker", *arguments],
            cwd=project.path,
            env=project.variables(extra),
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@contextmanager
def working(project: Project, log: Path, **extra: str) -> Iterator[None]:
    """Run a worker of the queue until the block ends; SIGTERM then ends it in good order."""
    process = start_worker(project, log, **extra)
    try:
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_SECONDS) == 0, log.read_text(encoding="utf-8")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def until(condition: Callable[[], object], told: Callable[[], str], seconds: float) -> None:
    """Wait until something is so; fail with what was `told` when it takes too long."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"did not happen within {seconds} s:\n{told()[-5000:]}")
        time.sleep(0.1)


def until_all_answer(server: Server, path: str, status: int, workers: int) -> None:
    """Wait until every worker answers so: each request may reach another one."""
    deadline, good = time.monotonic() + ANSWER_SECONDS, 0
    while good < 4 * workers:
        good = good + 1 if server.get(path)[0] == status else 0
        if time.monotonic() > deadline:
            pytest.fail(f"{path} does not answer {status}:\n{server.output()[-5000:]}")


def wait_until_live(server: Server) -> None:
    """Wait until `/livez` answers; fail with the log when the process ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while server.get("/livez")[0] != 200:
        if server.process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"the service did not start:\n{server.output()}")
        time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=45)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        pytest.fail("the service did not stop after SIGTERM")


def missing(reason: str) -> NoReturn:
    """Skip for want of a service; in continuous integration that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
