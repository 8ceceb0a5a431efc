"""Rendered workflows and pipelines ask for updates as `fastgen update --check` does, with copier."""

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
TOLD = "Run 'fastgen update' in a checkout"


@pytest.fixture(params=["github", "gitlab"])
def step(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the command that asks, as a default project has it."""
    if request.param == "github" and not shutil.which("jq"):
        pytest.skip("jq is not installed; GitHub's machines have it")
    answers = {"project_name": "demo", "ci": request.param}
    render(find_template(), tmp_path / "rendered", answers)
    commands = {"github": _github, "gitlab": _gitlab}
    command = commands[request.param](tmp_path / "rendered")
    uvx = tmp_path / "bin" / "uvx"
    uvx.parent.mkdir()
    uvx.write_text(UVX.format(sys.executable))
    uvx.chmod(0o755)
    monkeypatch.setenv("PATH", str(uvx.parent), prepend=":")
    return command


def _github(project: Path) -> str:
    text = (project / ".github" / "workflows" / "update.yml").read_text()
    command: str = yaml.safe_load(text)["jobs"]["check"]["steps"][-1]["run"]
    return command


def _gitlab(project: Path) -> str:
    text = (project / ".gitlab-ci.yml").read_text()
    (command,) = yaml.safe_load(text)["template-update"]["script"]
    return str(command)


def ask(step: str, project: Path) -> "subprocess.CompletedProcess[str]":
    """Run the step in a checkout, as the machines run it."""
    return subprocess.run(
        ["bash", "-e", "-c", step], cwd=project, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_it_fails_when_there_is_a_newer_template(tmp_path: Path, inside: Inside, step: str) -> None:
    world = World(tmp_path / "world")
    done = ask(step, world.project)
    assert (done.returncode, TOLD in done.stdout) == (0, False), done.stderr
    world.release(main_py=LINES.replace("line 18", "upstream"))
    done = ask(step, world.project)
    assert done.returncode == ExitCode.UPDATE_AVAILABLE
    assert '"latest_version": "2.0.0"' in done.stdout
    assert TOLD in done.stdout
    assert inside("update", *world.options).returncode == 0
    world.edit({})
    assert ask(step, world.project).returncode == 0


def test_a_template_that_cannot_be_reached_is_no_update(tmp_path: Path, step: str) -> None:
    world = World(tmp_path / "world")
    world.template.rename(tmp_path / "away")
    done = ask(step, world.project)
    assert done.returncode not in {0, ExitCode.UPDATE_AVAILABLE}
    assert TOLD not in done.stdout
