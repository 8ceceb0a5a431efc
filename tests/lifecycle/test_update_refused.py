"""States in which a project is not worked on: exit 4, one line and a hint, nothing changed."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command import ROOT, Inside
from moving import LINES, World, commit, git, snapshot, write

from generator.errors import ExitCode

ANSWERS = ".copier-answers.yml"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path / "world")
    made.release(main_py=LINES.replace("line 18", "upstream"), new_py="new\n")
    return made


def answers(world: World, old: str, new: str) -> None:
    text = world.text(ANSWERS)
    assert old in text
    world.edit({ANSWERS: text.replace(old, new)})


def merging(world: World) -> None:
    git(world.repository, "switch", "-qc", "side")
    world.edit({"other.py": "side\n"})
    git(world.repository, "switch", "-q", "main")
    world.edit({"notes.txt": "mine\n"})
    git(world.repository, "merge", "--no-commit", "side")


def no_repository(world: World) -> None:
    (world.repository / ".git").rename(world.folder / "away")


def no_commit(world: World) -> None:
    no_repository(world)
    git(world.repository, "init", "-q")


def ignored_answers(world: World) -> None:
    git(world.repository, "rm", "-q", "--cached", ANSWERS)
    git(world.repository, "commit", "-qm", "forget")


def linked_folder(world: World) -> None:
    """Put a symbolic link where the newer template has a folder."""
    world.release_files({"template/linked/file.txt": "new\n"}, "v3.0.0")
    (world.project / "elsewhere").mkdir()
    (world.project / "linked").symlink_to("elsewhere")
    world.edit({"elsewhere/file.txt": "mine\n"})


def staged(world: World) -> None:
    write(world.project, {"x": ""})
    git(world.project, "add", "x")


STATES: dict[str, tuple[Callable[[World], object], str]] = {
    "no repository": (no_repository, "is not in a git repository"),
    "no commit": (no_commit, "the repository has no commit yet"),
    "changed": (lambda w: write(w.project, {"main.py": "mine\n"}), "not committed: `main.py`"),
    "staged": (staged, "`x`"),
    "no answers": (lambda w: w.edit({ANSWERS: None}), "is not there"),
    "answers not committed": (ignored_answers, "is not committed"),
    "answers no YAML": (lambda w: w.edit({ANSWERS: "a: [\n"}), "is not readable"),
    "answers no map": (lambda w: w.edit({ANSWERS: "- a\n"}), "is not a map of answers"),
    "answers of nothing": (lambda w: w.edit({ANSWERS: "a: 1\n"}), "names no template"),
    "markers": (
        lambda w: w.edit({ANSWERS: "<<<<<<< a\nx: 1\n=======\nx: 2\n>>>>>>> b\n"}),
        "has conflict markers",
    ),
    "no version": (lambda w: answers(w, "_commit: v1.0.0\n", ""), "which version"),
    "unknown version": (lambda w: answers(w, "v1.0.0", "v1.5.0"), "has no version v1.5.0"),
    "odd version": (lambda w: answers(w, "v1.0.0", "--output=/tmp/x"), "has no version"),
    "newer version": (lambda w: answers(w, "v1.0.0", "v9.0.0"), "was made with v9.0.0"),
    "bad answer": (lambda w: answers(w, "cache: none", "cache: disk"), "are not valid"),
    "merge in progress": (merging, "a merge is in progress"),
    "a link for a folder": (linked_folder, "beyond a symbolic link"),
    "in the way": (lambda w: write(w.project, {"new.py": "mine\n"}), "in the way: `new.py`"),
}


@pytest.mark.parametrize("state", STATES)
def test_a_state_is_refused(world: World, inside: Inside, state: str) -> None:
    prepare, told = STATES[state]
    prepare(world)
    before = snapshot(world.project)
    done = inside("update", *world.options)
    assert told in done.stderr
    assert "hint:" in done.stderr
    assert done.returncode == ExitCode.STATE
    assert snapshot(world.project) == before


def test_another_template_is_refused(world: World, inside: Inside) -> None:
    done = inside("update", "--project", str(world.project))
    assert done.returncode == ExitCode.STATE
    assert "was made from another template" in done.stderr


def test_a_template_that_cannot_be_reached(world: World, inside: Inside) -> None:
    gone = str(world.folder / "gone.git")
    done = inside("update", "--project", str(world.project), "--template", gone)
    assert done.returncode == ExitCode.STATE
    assert f"cannot get the template from {gone}" in done.stderr


def test_an_old_git_is_refused(
    world: World, inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "bin" / "git"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho git version 2.30.9\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(old.parent))
    done = inside("update", *world.options)
    assert done.returncode == ExitCode.STATE
    assert "git 2.30 is too old" in done.stderr


def test_without_git(world: World, inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(world.folder))
    done = inside("update", *world.options)
    assert done.returncode == ExitCode.STATE
    assert "git is not installed" in done.stderr


def test_untracked_files_that_are_not_in_the_way_stay(world: World, inside: Inside) -> None:
    write(world.project, {"notes.txt": "mine\n"})
    assert inside("update", *world.options).returncode == 0
    assert world.text("notes.txt") == "mine\n"
    assert world.status()["notes.txt"] == "??"


def test_a_second_command_at_once_is_refused(world: World, inside: Inside) -> None:
    program = (
        "import sys; from pathlib import Path; from generator.merge.state import *\n"
        "with locked(open_repository(Path(sys.argv[1]))): print('locked', flush=True); input()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(world.project)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout
    assert holder.stdout.readline() == "locked\n"
    done = inside("update", *world.options)
    holder.communicate("\n")
    assert done.returncode == ExitCode.STATE
    assert "another fastgen works on this project" in done.stderr
    assert inside("update", *world.options).returncode == 0


def test_a_lock_of_git_is_respected(world: World, inside: Inside) -> None:
    lock = world.repository / ".git" / "index.lock"
    lock.write_text("somebody's\n")
    before = snapshot(world.project)
    done = inside("update", *world.options)
    assert done.returncode == ExitCode.STATE
    assert "index.lock` exists" in done.stderr
    assert snapshot(world.project) == before
    assert lock.exists()
    lock.unlink()
    assert inside("update", *world.options).returncode == 0


def test_a_commit_is_all_that_counts_as_saved(world: World, inside: Inside) -> None:
    write(world.project, {"main.py": "mine\n"})
    assert inside("update", *world.options).returncode == ExitCode.STATE
    commit(world.repository)
    assert inside("update", *world.options).returncode == ExitCode.CONFLICTS


@pytest.mark.parametrize("mark", ["--skip-worktree", "--assume-unchanged"])
def test_edits_that_git_is_told_to_overlook_are_not_overwritten(
    world: World, inside: Inside, mark: str
) -> None:
    git(world.repository, "update-index", mark, "main.py")
    write(world.project, {"main.py": "mine alone\n"})
    before = snapshot(world.repository)
    done = inside("update", *world.options)
    assert done.returncode == ExitCode.STATE
    assert "git is told to overlook changes of `main.py`" in done.stderr
    assert snapshot(world.repository) == before
