"""The built package: an older wheel makes a project, a newer one updates it, without a network."""

import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from command import ROOT
from moving import commit, git, snapshot, write

from generator.template import TEMPLATE_URL

pytestmark = pytest.mark.slow
VERSIONS = ("0.1.0", "0.2.0")
PART = "templates/{{on.service}}/README.md.jinja"
OFFLINE = {"GIT_ALLOW_PROTOCOL": "file", "PYTHONUTF8": "1"}
"""git may read local files only: a try to reach the public URL fails."""


class Release(NamedTuple):
    """A built release and the command of an environment where its wheel is installed."""

    wheel: Path
    sdist: Path
    command: Path


def sources(folder: Path) -> Path:
    """Copy this checkout as it is, as a repository without history."""
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    git(folder, "init", "-q", "-b", "main")
    return folder


def set_version(source: Path, version: str) -> None:
    module = source / "generator" / "__init__.py"
    lines = module.read_text().splitlines()
    lines = [f'__version__ = "{version}"' if "__version__" in line else line for line in lines]
    module.write_text("\n".join(lines) + "\n")


def build(source: Path, output: Path) -> subprocess.CompletedProcess[str]:
    """Build a source distribution, and the wheel from that, with what is installed here."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(output)]
    return subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)


def install(wheel: Path, folder: Path) -> Path:
    """Install a wheel into an environment that borrows our dependencies; give its command."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    packages = next(folder.glob("lib/python*/site-packages"))
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            archive.extract(name, packages)
    command = folder / "bin" / "fastgen"
    command.write_text(
        f"#!{folder}/bin/python -I\nfrom generator.cli import main\nmain()\n", encoding="utf-8"
    )
    command.chmod(0o755)
    return command


def add_to_the_template(source: Path) -> None:
    readme = source / PART
    readme.write_text(readme.read_text() + "\nAdded by the newer template.\n")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sources(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def releases(source: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Release]:
    """Build two releases with a change of the template between them."""
    folder = tmp_path_factory.mktemp("releases")
    made: list[Release] = []
    for version in VERSIONS:
        if made:
            add_to_the_template(source)
        set_version(source, version)
        commit(source, f"v{version}")
        done = build(source, folder)
        assert done.returncode == 0, done.stdout + done.stderr
        wheel = next(folder.glob(f"*-{version}-*.whl"))
        sdist = next(folder.glob(f"*-{version}.tar.gz"))
        made.append(Release(wheel, sdist, install(wheel, folder / f"env-{version}")))
    return made


@pytest.fixture
def environment(command_environment: dict[str, str]) -> Mapping[str, str]:
    return {k: v for k, v in command_environment.items() if k != "PYTHONPATH"} | OFFLINE


@pytest.fixture
def project(tmp_path: Path, releases: list[Release], environment: Mapping[str, str]) -> Path:
    """Make a project with the older wheel, change a file of it, and commit."""
    made = run(releases[0], environment, tmp_path, "new", "demo", "--defaults", "--no-lock")
    assert made.returncode == 0, made.stderr
    folder = tmp_path / "demo"
    text = (folder / "README.md").read_text()
    write(folder, {"README.md": text.replace("\n", "\nMy own words.\n", 1)})
    commit(folder)
    return folder


def run(
    release: Release, environment: Mapping[str, str], folder: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [release.command, *arguments], cwd=folder, env=environment, capture_output=True,
        text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_a_project_moves_from_wheel_to_wheel_offline(
    project: Path, releases: list[Release], environment: Mapping[str, str]
) -> None:
    answers = (project / ".copier-answers.yml").read_text()
    assert f"_commit: v0.1.0\n_src_path: {TEMPLATE_URL}\n" in answers
    old, new = releases
    assert run(old, environment, project, "update", "--check").returncode == 0
    assert run(new, environment, project, "update", "--check").returncode == 5
    done = run(new, environment, project, "update")
    assert done.returncode == 0, done.stderr
    text = (project / "README.md").read_text()
    assert "My own words." in text
    assert "Added by the newer template." in text
    assert "_commit: v0.2.0" in (project / ".copier-answers.yml").read_text()
    commit(project)
    told = run(old, environment, project, "update")
    assert told.returncode == 4
    assert "the project was made with v0.2.0" in told.stderr
    assert "uv tool upgrade fastgen-fastapi" in told.stderr


def test_plain_copier_gives_the_identical_project(
    project: Path, releases: list[Release], environment: Mapping[str, str], source: Path
) -> None:
    other = project.parent / "other"
    git(project.parent, "clone", "-q", str(project), str(other))
    assert run(releases[1], environment, project, "update").returncode == 0
    redirect = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{source}.insteadOf",
        "GIT_CONFIG_VALUE_0": TEMPLATE_URL,
    }
    done = subprocess.run(
        [sys.executable, "-m", "copier", "update", "--defaults", "--quiet"],
        cwd=other, env={**environment, **redirect}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert snapshot(other) == snapshot(project)


def test_set_works_at_the_old_version_with_the_new_wheel(
    project: Path, releases: list[Release], environment: Mapping[str, str]
) -> None:
    done = run(releases[1], environment, project, "set", "cache=redis")
    assert done.returncode == 0, done.stderr
    assert "_commit: v0.1.0" in (project / ".copier-answers.yml").read_text()
    assert "Added by the newer template." not in (project / "README.md").read_text()


def test_the_bundle_holds_the_tagged_history(releases: list[Release], tmp_path: Path) -> None:
    with zipfile.ZipFile(releases[1].wheel) as archive:
        archive.extract("generator/_template.bundle", tmp_path)
        assert "generator/_template/copier.yml" in archive.namelist()
        assert "generator/_hatch_build.py" not in archive.namelist()
    heads = git(tmp_path, "bundle", "list-heads", "generator/_template.bundle")
    names = {line.split()[1] for line in heads.splitlines()}
    assert names >= {"HEAD", "refs/tags/v0.1.0", "refs/tags/v0.2.0"}
    with tarfile.open(releases[1].sdist) as archive_of_sources:
        names = {name.partition("/")[2] for name in archive_of_sources.getnames()}
    assert {"copier.yml", "generator/_hatch_build.py", "generator/_template.bundle"} <= names


def test_a_shallow_clone_is_not_built(
    source: Path, releases: list[Release], tmp_path: Path
) -> None:
    assert releases
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{source}", str(shallow))
    done = build(shallow, tmp_path / "out")
    assert done.returncode != 0
    assert "a shallow clone has no history to pack" in done.stdout + done.stderr


def test_a_release_is_built_from_its_tag_only(
    source: Path, releases: list[Release], tmp_path: Path
) -> None:
    assert releases
    git(tmp_path, "clone", "-q", str(source), "clone")
    git(tmp_path / "clone", "commit", "-q", "--allow-empty", "-m", "more")
    refused = build(tmp_path / "clone", tmp_path / "out")
    assert refused.returncode != 0
    assert "this commit has no tag v0.2.0" in refused.stdout + refused.stderr


def test_a_development_version_records_its_commit(
    source: Path, releases: list[Release], tmp_path: Path, environment: Mapping[str, str]
) -> None:
    assert releases
    git(tmp_path, "clone", "-q", str(source), "clone")
    set_version(tmp_path / "clone", "0.3.0.dev0")
    commit(tmp_path / "clone")
    done = build(tmp_path / "clone", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    project = made_by(tmp_path, environment)
    assert "_commit: v0.2.0-1-g" in (project / ".copier-answers.yml").read_text()


def test_without_a_repository_a_development_version_makes_projects_that_stay_as_they_are(
    source: Path, tmp_path: Path, environment: Mapping[str, str]
) -> None:
    shutil.copytree(source, tmp_path / "copy", ignore=shutil.ignore_patterns(".git"))
    set_version(tmp_path / "copy", "0.3.0.dev0")
    done = build(tmp_path / "copy", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    project = made_by(tmp_path, environment)
    assert "_commit" not in (project / ".copier-answers.yml").read_text()


def made_by(folder: Path, environment: Mapping[str, str]) -> Path:
    """Install the wheel in `folder/out` and make a project with it."""
    wheel, sdist = (next((folder / "out").glob(kind)) for kind in ("*.whl", "*.tar.gz"))
    release = Release(wheel, sdist, install(wheel, folder / "env"))
    done = run(release, environment, folder, "new", "demo", "--defaults", "--no-lock")
    assert done.returncode == 0, done.stderr
    return folder / "demo"


def test_changes_that_are_not_committed_are_not_built(
    source: Path, releases: list[Release], tmp_path: Path
) -> None:
    assert releases
    git(tmp_path, "clone", "-q", str(source), "clone")
    write(tmp_path / "clone", {"templates/more.txt": "more\n"})
    done = build(tmp_path / "clone", tmp_path / "out")
    assert done.returncode != 0
    assert "not committed" in done.stdout + done.stderr
