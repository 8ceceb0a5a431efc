"""Projects in a container engine: the image is built, containers are started, clients are near them."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import harness
import pytest
from combinations import ROOT
from tools import debian, engine
from tools.engine import Engine

HERE = Path(__file__).parent
CLIENT = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [HERE, HERE.parent, ROOT]))}
"""The environment of near.py."""
MANIFEST = ROOT / "templates" / "_shared" / "versions" / "Dockerfile"


@contextmanager
def workshop() -> Iterator[tuple[Path, Path]]:
    """Give the root and the home of an engine; the test is skipped where none can be had."""
    with ExitStack() as kept:
        try:
            found = kept.enter_context(engine.prepared())
        except debian.UnavailableError as error:
            pytest.skip(f"no container engine: {error}")
        yield found


@contextmanager
def built(name: str, **answers: object) -> Iterator[tuple[Engine, Path]]:
    """Render a project, build its image `name:latest`, and run the engine in which it can start."""
    with workshop() as (root, home):
        path = home / "projects" / name
        shutil.rmtree(path, ignore_errors=True)
        harness.render(path, project_name=name, python_version=engine.PYTHON, **answers)
        locked(path)
        without_frontend(path / "Dockerfile")
        with engine.running(root, home, "building") as maker:
            name_stand_ins(maker)
            maker.docker("build", "--network=host", f"--tag={name}", ".", cwd=path)
        with started(root, home, name) as runner:
            yield runner, path
        shutil.rmtree(path)


@contextmanager
def started(root: Path, home: Path, image: str) -> Iterator[Engine]:
    """Run the engine; what ran in it is gone afterwards, and the image too."""
    with engine.running(root, home, "running") as runner:
        _clear(runner)  # a killed run leaves its containers behind
        try:
            yield runner
        finally:
            _clear(runner)
            runner.docker("image", "rm", "--force", image)
            # What uv has downloaded is kept for the next project.
            runner.docker("builder", "prune", "--force", "--filter", "type=regular")


def client(runner: Engine, *arguments: str) -> "subprocess.Popen[str]":
    """Start near.py on the engine's network: a client that finds its services by their names."""
    return subprocess.Popen(
        runner.near(sys.executable, HERE / "near.py", *arguments),
        cwd=HERE,
        env=CLIENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def without_frontend(dockerfile: Path) -> None:
    """Leave out the line that names BuildKit's frontend: that one comes from a registry."""
    first, rest = dockerfile.read_text("utf-8").split("\n", 1)
    assert first == "# syntax=docker/dockerfile:1"
    dockerfile.write_text(rest, "utf-8")


def locked(path: Path) -> None:
    """Write the lock file that the image is built from."""
    uv = Path(sys.executable).with_name("uv")
    done = subprocess.run(
        [uv, "lock", "--quiet"], cwd=path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def name_stand_ins(maker: Engine) -> Mapping[str, str]:
    """Give the stand-ins the names by which the files of a project ask for them; these names."""
    names: Mapping[str, str] = {
        target: image
        for image, target in re.findall(r"^FROM (\S+) AS (\S+)$", MANIFEST.read_text("utf-8"), re.M)
    }
    for target in engine.STAND_INS:
        maker.docker("tag", f"{engine.NAME}/{target}", names[target])
    maker.docker("tag", f"{engine.NAME}/python", f"python:{engine.PYTHON}-slim-trixie")
    for version, target in engine.NGINX.items():
        maker.docker("tag", f"{engine.NAME}/{target}", f"nginx:{version}-alpine")
    return names


def _clear(runner: Engine) -> None:
    containers = runner.docker("ps", "--all", "--quiet").split()
    if containers:
        runner.docker("rm", "--force", "--volumes", *containers)
    runner.docker("volume", "prune", "--all", "--force")
    runner.docker("network", "prune", "--force")
