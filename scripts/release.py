"""Make a release: changelog, version, tag, build, and a smoke test of the built wheel.

`python scripts/release.py 1.2.0`. Everything happens in a temporary clone; only when the installed
wheel works do the commit and the tag come into this repository, and the files into `dist/`. So a
release that fails leaves nothing to undo. Nothing is pushed or uploaded.
"""

import datetime
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).parent.parent
CHANGELOG = "CHANGELOG.md"
MODULE = Path("generator", "__init__.py")
UNRELEASED = "## Unreleased\n"


def run(folder: Path, *command: str | Path) -> str:
    """Run a command and give its output; a failure ends the release with what it said."""
    # A `PYTHONPATH` of the person would put other code before what is tested.
    own = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"`{command[0]} {command[1]}` failed:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def check(version: str) -> None:
    """Refuse a version that is none or exists, and work that is not committed."""
    try:
        canonical = str(Version(version))
    except InvalidVersion:
        sys.exit(f"`{version}` is no version; write for example VERSION=1.2.0")
    known = Version(version)
    if canonical != version or len(known.release) != 3 or known.is_devrelease:
        sys.exit("write the version as X.Y.Z")
    if run(ROOT, "git", "tag", "--list", f"v{version}"):
        sys.exit(f"the tag v{version} exists")
    if changed := run(ROOT, "git", "status", "--porcelain"):
        sys.exit(f"not committed:\n{changed}")
    if not run(ROOT, "git", "branch", "--show-current"):
        sys.exit("no branch is checked out")
    if run(ROOT, "git", "rev-parse", "--is-shallow-repository") == "true":
        sys.exit("this is a shallow clone; `git fetch --unshallow --tags`")


def prepare(source: Path, version: str) -> None:
    """Write the version and the changelog's heading, commit and tag."""
    changelog = source / CHANGELOG
    text = changelog.read_text(encoding="utf-8")
    before, found, after = text.partition(UNRELEASED)
    if not found or not after.partition("\n## ")[0].strip():
        sys.exit(f"{CHANGELOG} says nothing under `{UNRELEASED.strip()}`")
    today = datetime.datetime.now(tz=datetime.UTC).date()
    heading = f"{UNRELEASED}\n## {version} ({today})\n"
    changelog.write_text(before + heading + after, encoding="utf-8")
    set_version(source, version)
    run(source, "git", *identity(), "commit", "--quiet", "-am", f"Release {version}")
    run(source, "git", *identity(), "tag", "-a", f"v{version}", "-m", f"fastgen {version}")


def go_on(source: Path, version: str) -> None:
    """Commit the next development version, so that later commits never claim to be the release."""
    major, minor, patch = Version(version).release
    following = f"{major}.{minor}.{patch + 1}.dev0"
    set_version(source, following)
    run(source, "git", *identity(), "commit", "--quiet", "-am", f"Begin {following}")


def set_version(source: Path, version: str) -> None:
    """Write the version at its one place."""
    module = source / MODULE
    text = module.read_text(encoding="utf-8")
    assigned = re.sub(r'__version__ = ".*"', f'__version__ = "{version}"', text)
    module.write_text(assigned, encoding="utf-8")


def identity() -> list[str]:
    """Give git's options for the person who releases: the clone has no settings of its own."""
    keys = ("name", "email")
    named = [f"user.{key}={run(ROOT, 'git', 'config', f'user.{key}')}" for key in keys]
    return [part for setting in named for part in ("-c", setting)]


def build(source: Path, output: Path) -> Path:
    """Build both distributions, the wheel from the source distribution; give the wheel."""
    run(source, sys.executable, "-m", "build", "--outdir", output, source)
    return next(output.glob("*.whl"))


def smoke_test(wheel: Path, version: str, folder: Path) -> None:
    """Install the wheel in a fresh environment; make a project, change it, check it."""
    environment = folder / "environment"
    venv.create(environment, with_pip=True)
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    run(folder, scripts / "python", "-m", "pip", "install", "--quiet", wheel)
    fastgen = scripts / "fastgen"
    if version not in run(folder, fastgen, "--version"):
        sys.exit("the wheel tells another version")
    run(folder, fastgen, "new", "smoke", "--defaults", "--no-lock", "--no-git")
    project = folder / "smoke"
    run(project, "git", "init", "--quiet")
    run(project, "git", "add", "-A")
    run(project, "git", *identity(), "commit", "--quiet", "-m", "start")
    run(project, fastgen, "update", "--check")
    run(project, fastgen, "set", "cache=redis")


def main(version: str) -> None:
    """Release `version` from the branch that is checked out."""
    check(version)
    branch = run(ROOT, "git", "branch", "--show-current")
    with tempfile.TemporaryDirectory(prefix="fastgen-release-") as name:
        folder = Path(name)
        source, output = folder / "source", folder / "dist"
        run(folder, "git", "clone", "--quiet", "--branch", branch, ROOT, source)
        prepare(source, version)
        wheel = build(source, output)
        smoke_test(wheel, version, folder)
        go_on(source, version)
        run(ROOT, "git", "pull", "--quiet", "--ff-only", "--tags", source, branch)
        (ROOT / "dist").mkdir(exist_ok=True)
        for path in output.iterdir():
            shutil.copy(path, ROOT / "dist")
    sys.stdout.write(
        f"released {version}; next: `git push origin {branch} v{version}`, then upload dist/\n"
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("give the version: `make release VERSION=1.2.0`")
    main(sys.argv[1])
