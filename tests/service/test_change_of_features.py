"""`fastgen set` on a project with edits: what comes works against real servers, and goes again."""

import shutil
import subprocess
from pathlib import Path

import brokers
import pytest
from command import Inside
from harness import rendered

pytestmark = pytest.mark.service
WORDS = ("redis", "valkey", "taskiq", "worker.py")


def commit(project: Path) -> None:
    """Commit everything."""
    person = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
    for command in (["add", "-A"], ["commit", "-qm", "change"]):
        subprocess.run(["git", *person, *command], cwd=project, check=True)


def files(project: Path) -> dict[str, str]:
    """Read every file of a project."""
    found = (path for path in project.rglob("*") if path.is_file())
    names = {path.relative_to(project).as_posix(): path for path in found}
    return {name: path.read_text() for name, path in names.items() if not name.startswith(".git/")}


def test_redis_and_a_queue_come_work_and_go(tmp_path: Path, inside: Inside) -> None:
    for name, chosen in (("demo", "memory"), ("other", "none")):
        options = ("--defaults", "--no-lock", "--output", name, "-d", f"cache={chosen}")
        Path(name).mkdir()
        assert inside("new", "demo", *options).returncode == 0
    project = tmp_path / "demo" / "demo"
    (project / "app" / "mine.py").write_text('"""Mine."""\n')
    commit(project)
    done = inside("set", "cache=redis", "queue=taskiq", "broker=redis", "--project", str(project))
    assert done.returncode == 0, done.stderr
    assert "to start: Redis or Valkey\n" in done.stdout
    commit(project)
    tested = shutil.copytree(project, tmp_path / "tested")
    with brokers.redis() as cache, brokers.redis() as broker:
        urls = {"APP_TEST_CACHE__URL": cache.url, "APP_TEST_QUEUE__URL": broker.url}
        service = rendered(tested, urls)
        service.run("ruff", "check", ".")
        told = service.run("pytest", "-q", "-rs", CI="true")
    assert " passed" in told
    assert "skipped" not in told
    done = inside("set", "cache=none", "queue=background", "--project", str(project))
    assert done.returncode == 0, done.stderr
    commit(project)
    left = files(project)
    assert left.pop("app/mine.py") == '"""Mine."""\n'
    assert left == files(tmp_path / "other" / "demo")
    del left["README.md"]  # it tells which queues there are
    traces = [f"{name}: {word}" for name in left for word in WORDS if word in left[name].lower()]
    assert traces == []
