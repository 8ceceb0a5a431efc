"""Packs the template and its history: run by hatchling when a wheel or an sdist is built.

A wheel carries `_template.bundle` (the history with its tags, which git reads like a repository)
and `_template.commit` (the name of the commit that its plain tree is). An sdist carries both too,
so that a wheel built from it needs no repository. A release is built from its own tag only; a
development version (`1.2.0.dev0`) from any commit.
"""

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.version import Version

PACKED = ("_template.bundle", "_template.commit")
TEMPLATE = ("copier.yml", "templates")


class TemplateHistoryHook(BuildHookInterface[Any]):
    """Adds the history to what is built, or stops a build that could not be updated from."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the history to a temporary folder and have it included."""
        if version == "editable":
            return
        root = Path(self.root)
        packed = {root / "generator" / name: f"generator/{name}" for name in PACKED}
        if not all(path.is_file() for path in packed):
            self._folder = tempfile.TemporaryDirectory(prefix="fastgen-build-")
            folder = Path(self._folder.name)
            pack(root, Version(self.metadata.version), folder)
            packed = {path: f"generator/{path.name}" for path in folder.iterdir()}
        added = build_data["force_include"]
        added.update({str(path): name for path, name in packed.items()})
        if self.target_name == "wheel":
            added.update({str(root / name): f"generator/_template/{name}" for name in TEMPLATE})

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the temporary folder."""
        if hasattr(self, "_folder"):
            self._folder.cleanup()


def pack(root: Path, version: Version, folder: Path) -> None:
    """Write the history of the repository `root`, and the name of its commit, into `folder`.

    Without a repository, a development version is built without history: projects made by it
    cannot be updated, and they are told so.
    """
    if not (root / ".git").exists():
        if version.is_devrelease:
            return
        raise SystemExit("a release is built from its git repository or from its sdist")
    if git(root, "rev-parse", "--is-shallow-repository") == "true":
        raise SystemExit(
            "a shallow clone has no history to pack: `git fetch --unshallow --tags` "
            "(in CI: check out with `fetch-depth: 0`)"
        )
    commit = git(root, "describe", "--tags", "--always")
    if not version.is_devrelease:
        commit = release_tag(root, version)
    git(root, "bundle", "create", "--quiet", str(folder / PACKED[0]), "HEAD", "--tags")
    (folder / PACKED[1]).write_text(commit + "\n", encoding="utf-8")


def release_tag(root: Path, version: Version) -> str:
    """Name the tag of a release; the commit must have it, and the template must be as committed."""
    tag = f"v{version}"
    if tag not in git(root, "tag", "--points-at", "HEAD").splitlines():
        raise SystemExit(
            f"this commit has no tag {tag}: `make release VERSION={version}` makes a release, "
            "a development version (`X.Y.Z.dev0`) is built from any commit"
        )
    changed = git(root, "status", "--porcelain", "--", "generator", *TEMPLATE)
    if changed:
        raise SystemExit(f"not committed: {changed.splitlines()[0].strip()}")
    return tag


def git(root: Path, *arguments: str) -> str:
    """Give the output of a git command; what git says of a failure ends the build."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=True
        )
    except FileNotFoundError as error:
        raise SystemExit("building needs git: it packs the template's history") from error
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"`git {arguments[0]}` failed: {error.stderr.strip()}") from error
    return done.stdout.strip()
