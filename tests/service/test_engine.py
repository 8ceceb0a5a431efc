"""The files of a project in a real container engine: images, stacks, and how they are replaced."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from combinations import ROOT, Renderer
from exhaustive import DAY, Exhaustive
from harness import until
from stack import built, client, name_stand_ins, without_frontend, workshop
from tools.engine import NAME, Engine, running

pytestmark = [pytest.mark.service, pytest.mark.engine]
ADDRESS = "https://demo.example.com"
URLS = {
    "aiosqlite": "sqlite+aiosqlite:////tmp/demo.db",
    "asyncpg": "postgresql://u:p@127.0.0.1:9/demo",
    "psycopg": "postgresql://u:p@127.0.0.1:9/demo",
    "asyncmy": "mysql://u:p@127.0.0.1:9/demo",
    "aiomysql": "mysql://u:p@127.0.0.1:9/demo",
}
WITHOUT_STAND_IN = {"grafana", "adminer"}
"""No registry is asked for their images; what the files say of them is checked elsewhere."""
HARDENED = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")
HEALTHY_SECONDS = 60
FROM_PYTHON = re.compile(r"^FROM (python:\S+)", re.M)
IGNORED = ROOT / "templates" / "{{on.image}}" / ".dockerignore"
CLIENTS, RELOADS = 4, 3
"""Of near.py under load; of rollout.sh for two replicas."""
GRACE_SECONDS = 50
"""`stop_grace` of the plan."""


# With uvicorn: the stack below, and the images of the databases.
@pytest.mark.parametrize("server", ["gunicorn", "granian"])
def test_image_of_each_server(server: str) -> None:
    works_as_an_image({}, db_driver="none", server=server)


@pytest.mark.nightly
@pytest.mark.parametrize("driver", ["aiosqlite", "asyncpg", "psycopg", "asyncmy", "aiomysql"])
def test_image_of_each_database(driver: str) -> None:
    # Nothing answers there: the service lives, and says that it is not ready.
    works_as_an_image({"APP_DATABASE__URL": URLS[driver]}, db_driver=driver)


def works_as_an_image(variables: Mapping[str, str], **answers: object) -> None:
    """It is healthy as an ordinary user on a read-only file system, and stops in good order."""
    with built("demo", deployment=["compose"], **answers) as (engine, _):
        given = [f"--env={name}={value}" for name, value in variables.items()]
        engine.docker("run", "--detach", "--name=service", "--cpus=1.5", *HARDENED, *given, "demo")
        is_healthy(engine, "service")
        the_image_holds_what_it_needs(engine, "service")
        stops_in_time(engine, "service")
        said = engine.docker("logs", "service", check=False)
        assert "Traceback" not in said
        assert "starting 1 worker processes" in said, said


def is_healthy(engine: Engine, container: str) -> None:
    def health() -> str:
        return str(engine.docker("inspect", "--format={{.State.Health.Status}}", container)).strip()

    def told() -> str:
        return engine.docker("logs", container, check=False)

    until(lambda: health() == "healthy", told, HEALTHY_SECONDS)


def the_image_holds_what_it_needs(engine: Engine, container: str) -> None:
    """An ordinary user, who can write to /tmp alone; no tools, tests or files of the repository."""
    inside = ("exec", container, "sh", "-c")
    assert engine.docker(*inside, "id -u; id -g").split() == ["10001", "10001"]
    found = engine.docker(*inside, "touch /tmp/mine && ls -A /srv").split()
    assert not {"tests", "deploy", "uv.lock", ".git", ".env"} & set(found)
    for command in ("touch /srv/app/x", "touch /etc/x", "command -v uv", "ls .venv/bin/pytest"):
        assert engine.run("docker", *inside, command).returncode != 0, command


def stops_in_time(engine: Engine, container: str) -> None:
    began = time.monotonic()
    engine.docker("stop", f"--time={GRACE_SECONDS}", container)
    assert time.monotonic() - began < GRACE_SECONDS / 2
    state = engine.state(container)
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False)


def test_dockerfiles_pass_the_checks_of_buildkit() -> None:
    """All that the combinations of the day make, those of `fastgen generate` too."""
    sources = [one for one in Renderer().sources if one.name == "Dockerfile.jinja"]
    dockerfiles = Exhaustive(DAY).run(sources)
    assert len({made.source for made in dockerfiles}) == len(sources) > 1
    with workshop() as (root, home), running(root, home, "building") as maker:
        name_stand_ins(maker)
        for image in {image for made in dockerfiles for image in FROM_PYTHON.findall(made.text)}:
            maker.docker("tag", f"{NAME}/python", image)
        with TemporaryDirectory(dir=home) as folder:
            told = checked(maker, Path(folder), [made.text for made in dockerfiles])
    wrong = [
        f"{made.where}: {said}"
        for made, said in zip(dockerfiles, told, strict=True)
        if said != "Check complete, no warnings found."
    ]
    assert wrong == []


def checked(maker: Engine, folder: Path, dockerfiles: Sequence[str]) -> Iterator[str]:
    """Give what BuildKit's checks say of each."""
    names = [f"number-{number}" for number in range(len(dockerfiles))]
    for name, text in zip(names, dockerfiles, strict=True):
        (folder / name).write_text(text, "utf-8")
        without_frontend(folder / name)
    shutil.copy(IGNORED, folder)
    plan = {"target": {name: {"dockerfile": name} for name in names}}
    (folder / "docker-bake.json").write_text(json.dumps(plan), "utf-8")
    done = maker.run("docker", "buildx", "bake", "--check", "--progress=quiet", *names, cwd=folder)
    said = re.split(r"^(number-\d+)\n", done.stdout, flags=re.M)
    found = dict(zip(said[1::2], said[2::2], strict=True))
    assert set(found) == set(names), done.stdout + done.stderr
    return (found[name].strip() for name in names)


MAXIMAL: dict[str, object] = {
    "db_driver": "asyncpg",
    "cache": "redis",
    "queue": "taskiq",
    "broker": "redis",
    "metrics": "prometheus",
    "deployment": ["compose"],
    "http_edge": "nginx",
    "example": True,
    "target_rps": 100000,  # the limit of one client is a tenth of it
}


@dataclass(frozen=True)
class Stack:
    """The stack of a project."""

    engine: Engine
    path: Path

    def compose(self, *arguments: str) -> str:
        """Run `docker compose` as in production, with every profile."""
        files = ("docker", "compose", "--file=compose.yaml", "--profile=*")
        done = self.engine.run(*files, *arguments, cwd=self.path)
        if done.returncode:
            logs = self.engine.run(*files, "logs", "--tail=20", cwd=self.path).stdout
            pytest.fail(f"compose {arguments[0]}: {done.stderr[-2000:]}\n{logs[-8000:]}")
        return done.stdout

    def services(self) -> list[str]:
        """Name the services."""
        return self.compose("config", "--services").split()


OTHERS: dict[str, object] = {
    "db_driver": "asyncmy",
    "data_layer": "sqlmodel",
    "cache": "memcached",
    "queue": "taskiq",
    "broker": "nats",
    "metrics": "both",
    "server": "granian",
    "deployment": ["compose"],
    "http_edge": "nginx",
    "nginx_version": "1.26",
    "example": True,
    "target_rps": 100000,
}
"""The servers that the first stack has not."""


@contextmanager
def run(**answers: object) -> Iterator[Stack]:
    """Start a project as its README says."""
    with built("demo", **answers) as (engine, path):
        subprocess.run(["/bin/sh", path / "deploy" / "secrets.sh"], check=True)
        started = Stack(engine, path)
        services = [name for name in started.services() if name not in WITHOUT_STAND_IN]
        started.compose("up", "--detach", "--wait", "--wait-timeout=180", *services)
        yield started


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Start a project with everything."""
    with run(**MAXIMAL) as started:
        yield started


@pytest.fixture(scope="module")
def other_stack() -> Iterator[Stack]:
    """Start a project with everything else."""
    with run(**OTHERS) as started:
        yield started


def test_every_route_is_answered_through_nginx(stack: Stack) -> None:
    works(stack)


def works(stack: Stack) -> None:
    """Ask through nginx; a job is done by a worker."""
    with client(stack.engine, "works", ADDRESS) as clients:
        _, error = clients.communicate()
    assert clients.returncode == 0, error + stack.compose("logs", "--tail=20")


def test_prometheus_asks_every_process(stack: Stack) -> None:
    prometheus_finds_all(stack)


def prometheus_finds_all(stack: Stack) -> None:
    """Two replicas and two workers."""

    def up() -> dict[str, int]:
        query = "http://127.0.0.1:9090/api/v1/query?query=sum+by+(job)+(up)"
        answer = stack.compose("exec", "prometheus", "wget", "-qO-", query)
        found = json.loads(answer)["data"]["result"]
        return {one["metric"]["job"]: int(one["value"][1]) for one in found}

    # It looks for processes and asks them every 15 seconds.
    until(lambda: up() == {"demo": 2, "demo-worker": 2}, lambda: str(up()), 60)


def test_a_new_version_comes_without_a_failed_request(stack: Stack) -> None:
    reads, writes = replaced(stack)
    assert (set(reads), set(writes)) == ({"200"}, {"201"}), (reads, writes)


def replaced(stack: Stack) -> tuple[dict[str, int], dict[str, int]]:
    """Replace the replicas under load: how often each status was answered to reads and to writes."""
    before = set(stack.compose("ps", "--quiet", "app").split())
    with client(stack.engine, "load", ADDRESS) as clients:
        done = stack.engine.run("sh", "deploy/rollout.sh", cwd=stack.path)
        told, _ = clients.communicate()
    assert done.returncode == 0, done.stderr
    after = set(stack.compose("ps", "--quiet", "app").split())
    assert len(after) == len(before)
    assert not after & before
    reads, writes = json.loads(told)
    return reads, writes


@pytest.mark.nightly
def test_other_servers_answer_through_nginx(other_stack: Stack) -> None:
    works(other_stack)
    prometheus_finds_all(other_stack)


@pytest.mark.nightly
def test_a_new_version_of_the_others_comes(other_stack: Stack) -> None:
    reads, writes = replaced(other_stack)
    told = str((reads, writes))
    # Each reload of this nginx may close a connection while its client sends on it.
    assert reads.pop("0", 0) + writes.pop("0", 0) <= CLIENTS * RELOADS, told
    assert (set(reads), set(writes)) == ({"200"}, {"201"}), told
