"""What to do after `fastgen new`: at most five commands that run as printed."""

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
    """Give the commands: enter, failed optional steps, install, the features' own, run, test."""
    with_uv = shutil.which("uv") is not None
    enter = f"cd {shlex.quote(os.path.relpath(destination))}"
    install = "uv sync" if with_uv else _virtual_environment()
    prepare = [step for feature in features for step in feature.get("next_steps", [])]
    retry = [step.retry for step in optional if step.retry]
    first = [f"{enter} && {' && '.join([*retry, install])}"]
    last = [f"{UV_RUN}python -m app", f"{UV_RUN}pytest"]
    steps = first + prepare[: LIMIT - len(first) - len(last)] + last
    return steps if with_uv else [step.replace(UV_RUN, _bin()) for step in steps]


def _bin() -> str:
    return ".venv\\Scripts\\" if os.name == "nt" else ".venv/bin/"


def _virtual_environment() -> str:
    """Install without uv; `--group` needs a recent pip."""
    python = "py" if os.name == "nt" else "python3"
    pip = f"{_bin()}python -m pip install --quiet"
    return f"{python} -m venv .venv && {pip} --upgrade pip && {pip} --editable . --group dev"
