"""Running `fastgen` in tests: as a process of its own, or inside the test (much faster)."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from generator.cli import main

ROOT = Path(__file__).parent.parent

Fastgen = Callable[..., subprocess.CompletedProcess[str]]
"""`fastgen(*arguments, **environment)` runs the command in the test's folder."""


class Ended(NamedTuple):
    """How a command ended and what it said."""

    returncode: int
    stdout: str
    stderr: str


Inside = Callable[..., Ended]
"""`inside(*arguments)` runs the command within the test, in the test's folder."""


def run_inside(
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Ended:
    """Call the command's entry point with these arguments."""
    monkeypatch.setattr(sys, "argv", ["fastgen", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    return Ended(int(ended.value.code or 0), said.out, said.err)


def as_release(root: Path, tag: str) -> Path:
    """Make the folder `root` a git repository with one commit and a release tag."""
    identity = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "1"], ["tag", tag]):
        subprocess.run(["git", *identity, *command], cwd=root, check=True)
    return root
