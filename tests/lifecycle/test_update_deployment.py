"""Deployment files in a project that fastgen did not make: changed and updated by the same merge."""

import shutil
from pathlib import Path

import pytest
from command import ROOT, Inside, as_release
from moving import commit, git, snapshot, write

DOCKERFILE = "templates/{{on.image}}/Dockerfile.jinja"
PROJECT = """\
[project]
name = "shop"
version = "1"
requires-python = ">=3.12"
dependencies = ["fastapi", "uvicorn"]
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    root = tmp_path / "template"
    root.mkdir()
    shutil.copy(ROOT / "copier.yml", root)
    shutil.copytree(ROOT / "templates", root / "templates")
    return as_release(root, "v1.0.0")


@pytest.fixture
def project(tmp_path: Path, template: Path, inside: Inside) -> Path:
    """Make a project by hand, generate its deployment files, and commit."""
    made = tmp_path / "shop"
    made.mkdir()
    git(made, "init", "-q")
    write(made, {"main.py": "from fastapi import FastAPI\n\napp = FastAPI()\n"})
    write(made, {"pyproject.toml": PROJECT})
    options = ("--project", str(made), "--template", str(template))
    done = inside("generate", "dockerfile", "compose", *options)
    assert done.returncode == 0, done.stderr
    commit(made)
    return made


def test_they_are_updated_and_nothing_else_comes(
    project: Path, template: Path, inside: Inside
) -> None:
    before = set(snapshot(project))
    dockerfile = (project / "Dockerfile").read_text()
    (project / "Dockerfile").write_text(dockerfile + "# mine\n")
    commit(project)
    newer = (template / DOCKERFILE).read_text()
    write(template, {DOCKERFILE: "# newer\n" + newer, "templates/{{on.service}}/new.py": "new\n"})
    commit(template, "v2.0.0")
    options = ("--project", str(project), "--template", str(template))
    assert inside("update", "--check", *options).returncode == 5
    done = inside("update", *options)
    assert done.returncode == 0, done.stderr
    assert (project / "Dockerfile").read_text() == "# newer\n" + dockerfile + "# mine\n"
    assert "_commit: v2.0.0" in (project / ".fastgen-deploy.yml").read_text()
    assert set(snapshot(project)) == before


def test_their_answers_are_changed(project: Path, template: Path, inside: Inside) -> None:
    options = ("--project", str(project), "--template", str(template))
    done = inside("set", "artefacts=dockerfile", "app_port=9000", *options)
    assert done.returncode == 0, done.stderr
    assert "9000" in (project / "Dockerfile").read_text()
    assert set(snapshot(project)) == {
        "main.py", "pyproject.toml", "Dockerfile", ".dockerignore", ".fastgen-deploy.yml"
    }  # fmt: skip
