"""A run that is killed at any step leaves the project as it was, or as it should become."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from command import ROOT, Inside
from moving import LINES, World, git, snapshot, write

from generator.errors import ExitCode
from generator.merge import apply as applying

STEPS = ("_write_index", "_take_index", "_delete", "_replace", "_forget")
"""Steps of applying; a kill falls before or after each call of one."""


GONE = LINES.replace("line", "gone")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Prepare an update that adds, changes, merges, renames, deletes and conflicts."""
    made = World(tmp_path / "world", files={"template/gone.py": GONE})
    mine = LINES.replace("line 2\n", "mine 2\n")
    made.edit({"main.py": mine, "logo.png": b"\0mine", "new/one.py": "mine\n"})
    made.edit({"gone.py": f"{GONE}mine\n"})
    (made.project / "link").symlink_to("gone.py")
    made.edit({})
    made.release_files(
        {
            "template/main.py": LINES.replace("line 18\n", "upstream 18\n"),
            "template/logo.png": b"\0theirs",
            "template/new/one.py": "theirs\n",
            "template/new/two.py": "two\n",
            "template/gone.py": None,
            "template/other.py": None,
            "template/another/other.py": LINES.replace("line", "other"),
        }
    )
    return made


def killed_update(world: World, steps: int) -> bool:
    """Run the update in a process that kills itself after some steps; tell whether it did."""
    child = os.fork()
    if child == 0:
        try:
            _dying_update(world, steps)
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


def _dying_update(world: World, steps: int) -> None:
    left = [steps]

    def tick() -> None:
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def dying(function: Callable[..., object]) -> Callable[..., object]:
        def run(*arguments: object) -> object:
            tick()
            result = function(*arguments)
            tick()
            return result

        return run

    for name in STEPS:
        setattr(applying, name, dying(getattr(applying, name)))
    vars(applying)["apart"] = lambda work: work()  # the worst case: that process dies as well
    run_update(world)


def state(world: World) -> tuple[dict[str, bytes], dict[str, str]]:
    return snapshot(world.repository), world.status()


@pytest.mark.slow
def test_a_kill_between_any_two_steps_can_be_undone(world: World, inside: Inside) -> None:
    before = state(world)
    assert inside("update", *world.options).returncode == ExitCode.CONFLICTS
    after = state(world)
    git(world.repository, "reset", "--hard")
    kinds, steps = set(), 0
    while killed_update(world, steps):
        inside("set", "size=1", "--dry-run", *world.options)
        assert state(world) in (before, after), steps
        kinds.add("before" if state(world) == before else "after")
        git(world.repository, "reset", "--hard")
        steps += 1
    assert steps > 2 * len(STEPS)
    assert kinds == {"before", "after"}
    assert state(world) == after
    assert not list((world.repository / ".git").glob("fastgen-prepared-*"))


def test_what_is_written_after_a_kill_is_not_lost(world: World, inside: Inside) -> None:
    assert killed_update(world, 8)
    assert world.status()
    write(world.project, {"main.py": "written after the kill\n"})
    done = inside("update", *world.options)
    assert done.returncode == ExitCode.STATE
    assert "since then `main.py` was changed" in done.stderr
    assert world.text("main.py") == "written after the kill\n"


def test_a_kill_that_the_person_has_dealt_with_is_forgotten(world: World, inside: Inside) -> None:
    assert killed_update(world, 8)
    (world.repository / ".git" / "index.lock").unlink()
    git(world.repository, "add", "-A")
    git(world.repository, "commit", "-qm", "as it is")
    kept = state(world)
    inside("set", "size=1", "--dry-run", *world.options)
    assert state(world) == kept


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_at_any_moment(
    world: World, inside: Inside, number: signal.Signals, command_environment: dict[str, str]
) -> None:
    before = state(world)
    assert inside("update", *world.options).returncode == ExitCode.CONFLICTS
    after = state(world)
    git(world.repository, "reset", "--hard")
    command = [sys.executable, "-m", "generator", "update", *world.options]
    for round_ in range(12):
        process = subprocess.Popen(
            command, cwd=ROOT, env=command_environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        time.sleep(0.2 + round_ * 0.15)
        process.send_signal(number)
        told = process.communicate()[1]
        assert b"Traceback" not in told
        inside("set", "size=1", "--dry-run", *world.options)
        assert state(world) in (before, after)
        git(world.repository, "reset", "--hard")


def test_a_kill_of_the_whole_group_in_the_middle_is_finished_all_the_same(
    world: World, inside: Inside
) -> None:
    assert inside("update", *world.options).returncode == ExitCode.CONFLICTS
    after = state(world)
    git(world.repository, "reset", "--hard")
    main = os.fork()
    if main == 0:
        os.setsid()
        _update_that_is_killed_in_the_middle(world)
    assert os.waitpid(main, 0)[1] == signal.SIGKILL
    for _ in range(1000):
        if not list((world.repository / ".git").glob("fastgen-[jp]*")):
            break
        time.sleep(0.01)
    assert state(world) == after


def _update_that_is_killed_in_the_middle(world: World) -> None:
    group, replace = os.getpid(), applying._replace

    def killing(source: Path, target: Path) -> None:
        if target.name == "main.py":
            os.killpg(group, signal.SIGKILL)
        replace(source, target)

    vars(applying)["_replace"] = killing
    run_update(world)


def run_update(world: World) -> None:
    from generator.cli import main

    sys.argv = ["fastgen", "update", *world.options]
    main()


def test_a_disk_that_is_full_changes_nothing(
    world: World, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, replace = state(world), applying._replace

    def full(source: Path, target: Path) -> None:
        if target.name == "two.py":
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        replace(source, target)

    monkeypatch.setattr(applying, "_replace", full)
    done = inside("update", *world.options)
    assert done.returncode == ExitCode.FAILURE
    assert "two.py`: no space left on device" in done.stderr
    assert state(world) == before
    assert not list((world.repository / ".git").glob("fastgen-[jp]*"))
