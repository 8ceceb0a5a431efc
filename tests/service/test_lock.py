"""A project installed from its own lock: nothing that it needs is there by chance."""

import subprocess
import sys
from pathlib import Path

import pytest
from combinations import Answers, catalog
from harness import Project, render, serve

pytestmark = pytest.mark.service

SAMPLE: dict[str, Answers] = {
    "minimal": catalog().settings["_presets"]["minimal"]["answers"],
    "no server beside it": {"metrics": "both", "server": "gunicorn", "load_test": "none"},
}
"""Both run without a database server, so that what is missing can only be a package."""


@pytest.mark.parametrize("name", SAMPLE)
def test_it_works_from_its_own_lock(name: str, tmp_path: Path) -> None:
    path = render(tmp_path / "demo", **SAMPLE[name])
    for command in (["lock"], ["sync", "--locked", "--python", sys.executable]):
        uv = [sys.executable, "-m", "uv", "--quiet", *command]
        done = subprocess.run(uv, cwd=path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    made = Project(path, path / ".venv" / "bin" / "python")
    made.run("pytest", "-q", CI="true")
    if (path / "app" / "migrate.py").exists():
        made.run("app.migrate")
    with serve(made, workers=2) as server:
        for route in ("/livez", "/readyz", "/openapi.json"):
            assert server.get(route)[0] == 200, server.output()
