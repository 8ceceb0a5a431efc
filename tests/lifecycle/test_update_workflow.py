"""The rendered workflow asks for updates as `fastgen update --check` does, with copier alone."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from command import Inside
from moving import LINES, World

from generator.errors import ExitCode
from generator.project import render
from generator.template import find_template

UVX = '#!/bin/sh\ntest "$1" = --from && shift 2\ntest "$1" = copier && shift\nexec "{}" -m copier "$@"\n'
"""What `uvx --from REQUIREMENT copier ...` does, with the copier of this environment."""


@pytest.fixture
def step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the command of the workflow's last step, as a default project has it."""
    if not shutil.which("jq"):
        pytest.skip("jq is not installed; GitHub's machines have it")
    render(find_template(), tmp_path / "rendered", {"project_name": "demo"})
    text = (tmp_path / "rendered" / ".github" / "workflows" / "update.yml").read_text()
    uvx = tmp_path / "bin" / "uvx"
    uvx.parent.mkdir()
    uvx.write_text(UVX.format(sys.executable))
    uvx.chmod(0o755)
    monkeypatch.setenv("PATH", str(uvx.parent), prepend=":")
    command: str = yaml.safe_load(text)["jobs"]["check"]["steps"][-1]["run"]
    return command


def ask(step: str, project: Path) -> "subprocess.CompletedProcess[str]":
    """Run the step in a checkout, as GitHub runs it."""
    return subprocess.run(
        ["bash", "-e", "-c", step], cwd=project, capture_output=True, text=True, check=False
    )


def test_it_fails_when_there_is_a_newer_template(tmp_path: Path, inside: Inside, step: str) -> None:
    world = World(tmp_path / "world")
    done = ask(step, world.project)
    assert (done.returncode, "::error" in done.stdout) == (0, False), done.stderr
    world.release(main_py=LINES.replace("line 18", "upstream"))
    done = ask(step, world.project)
    assert done.returncode == ExitCode.UPDATE_AVAILABLE
    assert '"latest_version": "2.0.0"' in done.stdout
    assert "::error title=Newer template::" in done.stdout
    assert inside("update", *world.options).returncode == 0
    world.edit({})
    assert ask(step, world.project).returncode == 0


def test_a_template_that_cannot_be_reached_is_no_update(tmp_path: Path, step: str) -> None:
    world = World(tmp_path / "world")
    world.template.rename(tmp_path / "away")
    done = ask(step, world.project)
    assert done.returncode not in {0, ExitCode.UPDATE_AVAILABLE}
    assert "::error" not in done.stdout
