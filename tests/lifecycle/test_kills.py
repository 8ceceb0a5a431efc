"""SIGKILL at random moments: a project is as it was or as it should become, without another run."""

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command import ROOT
from moving import LINES, World, commit, git, snapshot

pytestmark = pytest.mark.slow
KILLS = 34
"""Of each of three commands: about a hundred together."""
SEED = 20


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Prepare a project and an update of it that adds, merges, renames, deletes and conflicts."""
    made = World(tmp_path / "world")
    made.edit({"main.py": LINES.replace("line 2\n", "mine 2\n"), "logo.png": b"\0mine"})
    made.release_files(
        {
            "template/main.py": LINES.replace("line 18\n", "upstream 18\n"),
            "template/logo.png": b"\0theirs",
            "template/other.py": None,
            "template/another/other.py": LINES.replace("line", "other"),
            **{f"template/many/{number}.py": f"{number}\n" for number in range(80)},
        }
    )
    return made


def start(
    environment: dict[str, str], folder: Path, *arguments: str | Path
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "generator", *arguments],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def moments(seconds: float) -> Iterator[float]:
    """Give moments of a run that takes this long; half of them near its end, where it writes."""
    chance = random.Random(SEED)  # noqa: S311 - moments, not secrets
    for number in range(KILLS):
        yield chance.uniform(0.0 if number % 2 else 0.7, 1.05) * seconds


@contextmanager
def measured(figures: list[float]) -> Iterator[None]:
    started = time.perf_counter()
    yield
    figures.append(time.perf_counter() - started)


def kill(process: "subprocess.Popen[bytes]", moment: float) -> None:
    time.sleep(moment)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)


def settle(repository: Path) -> None:
    """Wait for the child that finishes what it has begun."""
    for _ in range(500):
        if not (repository / ".git" / "fastgen-journal").exists():
            return
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("command", "code"), [(("update",), 3), (("set", "cache=redis", "size=2"), 0)]
)
def test_a_change_is_whole_or_not_there(
    world: World, command_environment: dict[str, str], command: tuple[str, ...], code: int
) -> None:
    def state() -> tuple[dict[str, bytes], dict[str, str]]:
        return snapshot(world.repository), world.status()

    def run() -> "subprocess.Popen[bytes]":
        return start(command_environment, world.folder, *command, *world.options)

    before, figures = state(), list[float]()
    with measured(figures):
        assert run().wait() == code
    after = state()
    git(world.repository, "reset", "--hard")
    for moment in moments(figures[0]):
        kill(run(), moment)
        settle(world.repository)
        assert state() in (before, after), moment
        assert not (world.repository / ".git" / "index.lock").exists()
        git(world.repository, "reset", "--hard")
    assert run().wait() == code
    assert state() == after
    left = list((world.repository / ".git").glob("fastgen-[jp]*"))
    assert left == []


def test_a_new_project_is_whole_or_not_there(
    world: World, command_environment: dict[str, str], tmp_path: Path
) -> None:
    demo = tmp_path / "new" / "demo"
    demo.parent.mkdir()

    def run() -> "subprocess.Popen[bytes]":
        options = ("--defaults", "--no-lock", "--template", world.template)
        return start(command_environment, demo.parent, "new", "demo", *options)

    figures = list[float]()
    with measured(figures):
        assert run().wait() == 0
    complete = snapshot(demo)
    assert len(complete) > 80
    for moment in moments(figures[0]):
        shutil.rmtree(demo, ignore_errors=True)
        kill(run(), moment)
        assert not demo.exists() or snapshot(demo) == complete, moment
        if demo.exists():
            assert git(demo, "status", "--porcelain") == ""
    shutil.rmtree(demo, ignore_errors=True)
    assert run().wait() == 0
    assert [path.name for path in demo.parent.iterdir()] == ["demo"]
    commit(demo)
