"""SIGKILL at random moments: a project is as it was or as it should become, without another run."""

import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from command import ROOT
from moving import LINES, World, commit, git, snapshot

pytestmark = pytest.mark.slow
KILLS = 34
"""Of each of three commands: about a hundred together."""
SEED = 20
ENDED_SECONDS = 60


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


@dataclass
class Run:
    """A run of the command with every process that it forks."""

    process: "subprocess.Popen[bytes]"
    held: int
    """The reading end of a pipe whose other end these processes hold until they end."""

    def kill(self, moment: float) -> None:
        """Kill the command after `moment` seconds; wait for the child that finishes what it began."""
        time.sleep(moment)
        self.process.send_signal(signal.SIGKILL)
        self.wait()

    def wait(self) -> int:
        """Wait until all have ended."""
        code = self.process.wait(timeout=ENDED_SECONDS)
        ended, _, _ = select.select([self.held], [], [], ENDED_SECONDS)
        os.close(self.held)
        assert ended, "a child goes on"
        return code


def start(environment: dict[str, str], folder: Path, *arguments: str | Path) -> Run:
    held, holding = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "generator", *arguments],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[holding],
    )
    os.close(holding)
    return Run(process, held)


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


@pytest.mark.parametrize(
    ("command", "code"), [(("update",), 3), (("set", "cache=redis", "size=2"), 0)]
)
def test_a_change_is_whole_or_not_there(
    world: World, command_environment: dict[str, str], command: tuple[str, ...], code: int
) -> None:
    def state() -> tuple[dict[str, bytes], dict[str, str]]:
        return snapshot(world.repository), world.status()

    def run() -> Run:
        return start(command_environment, world.folder, *command, *world.options)

    before, figures = state(), list[float]()
    with measured(figures):
        assert run().wait() == code
    after = state()
    git(world.repository, "reset", "--hard")
    for moment in moments(figures[0]):
        run().kill(moment)
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

    def run() -> Run:
        options = ("--defaults", "--no-lock", "--template", world.template)
        return start(command_environment, demo.parent, "new", "demo", *options)

    figures = list[float]()
    with measured(figures):
        assert run().wait() == 0
    complete = snapshot(demo)
    assert len(complete) > 80
    for moment in moments(figures[0]):
        shutil.rmtree(demo, ignore_errors=True)
        run().kill(moment)
        assert not demo.exists() or snapshot(demo) == complete, moment
        if demo.exists():
            assert git(demo, "status", "--porcelain") == ""
    shutil.rmtree(demo, ignore_errors=True)
    assert run().wait() == 0
    assert [path.name for path in demo.parent.iterdir()] == ["demo"]
    commit(demo)
