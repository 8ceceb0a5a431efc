"""What to do after a command of fastgen: commands that run as printed."""

import os
import shlex
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from generator.project import Step

LIMIT = 5
UV_RUN = "uv run "
"""Templates write their steps for uv; without uv they run from the virtual environment."""


def next_steps(
    destination: Path, features: Iterable[Mapping[str, Any]], optional: Sequence[Step]
) -> list[str]:
    """Give at most five: enter, failed optional steps, install, the features' own, run, test."""
    with_uv = _has_uv()
    enter = f"cd {shlex.quote(os.path.relpath(destination))}"
    install = "uv sync" if with_uv else _virtual_environment()
    prepare = [step for feature in features for step in feature.get("next_steps", [])]
    retry = [step.retry for step in optional if step.retry]
    first = [f"{enter} && {' && '.join([*retry, install])}"]
    last = [f"{UV_RUN}python -m app", f"{UV_RUN}pytest"]
    steps = first + prepare[: LIMIT - len(first) - len(last)] + last
    return [here(step) for step in steps]


def here(text: str) -> str:
    """Write a text's commands for this machine: without uv, they come from the environment."""
    return text if _has_uv() else text.replace(UV_RUN, _bin())


def reinstall(*, is_locked: bool) -> str:
    """Give the command that brings the installed packages in line with changed requirements."""
    if not _has_uv():
        return _virtual_environment()
    return "uv lock && uv sync && git add uv.lock" if is_locked else "uv sync"


def _has_uv() -> bool:
    return shutil.which("uv") is not None


def _bin() -> str:
    return ".venv\\Scripts\\" if os.name == "nt" else ".venv/bin/"


def _virtual_environment() -> str:
    """Install without uv; `--group` needs a recent pip."""
    python = "py" if os.name == "nt" else "python3"
    pip = f"{_bin()}python -m pip install --quiet"
    return f"{python} -m venv .venv && {pip} --upgrade pip && {pip} --editable . --group dev"
