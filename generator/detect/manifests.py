"""Reads what is no code: lock files, manifests, versions of Python."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from generator.detect import dependencies
from generator.detect.dependencies import Dependency, line_of, normal, table
from generator.detect.findings import Application, Finding
from generator.errors import FastgenError

LOCKS = {
    "uv.lock": "uv",
    "poetry.lock": "poetry",
    "pdm.lock": "pdm",
    "Pipfile.lock": "pipenv",
}
"""Lock file -> package manager; the first that is there counts."""
INSTALLABLE = ("pyproject.toml", "setup.py", "setup.cfg")
REQUIREMENTS = (
    "requirements.txt",
    *(f"requirements/{name}.txt" for name in ("prod", "production", "main", "base")),
    *(f"requirements-{name}.txt" for name in ("prod", "production")),
)
"""Files that may say what runs in production."""
MANIFESTS = {"uv": "pyproject.toml", "poetry": "pyproject.toml", "pdm": "pyproject.toml"}
MANIFESTS |= {"pipenv": "Pipfile"}
FROM_GIT = frozenset(
    {
        "hatch-vcs",
        "setuptools-scm",
        "versioningit",
        "poetry-dynamic-versioning",
        "uv-dynamic-versioning",
    }
)
"""Build backends that read the version from git."""


@dataclass
class Manifest:
    """What installs the project, what for, and what is to be said about it."""

    findings: list[Finding] = field(default_factory=list)
    dependencies: dict[str, Dependency] = field(default_factory=dict)
    folder: Path = Path()
    """Where the application's own manifest is."""
    files: list[str] = field(default_factory=list)
    """Requirements files, where those are installed."""
    notes: list[str] = field(default_factory=list)


def entrypoint(root: Path) -> str:
    """Read the application that `[tool.fastapi]` declares; nothing where none is."""
    return str(
        table(root / "pyproject.toml").get("tool", {}).get("fastapi", {}).get("entrypoint", "")
    )


def read(root: Path, application: Application) -> Manifest:
    """Read the manifest that the application is installed from."""
    manifest = _manifest(root, folders(root, application))
    manifest.findings += _name(root, manifest.folder)
    manifest.notes += [*_above(root), *_version_from_git(root, manifest.folder)]
    return manifest


def folders(root: Path, application: Application) -> list[Path]:
    """List the folders from the project's own down to the application's."""
    file = root / application.path
    parts = file.parent.relative_to(root).parts if file.is_file() else ()
    return [root.joinpath(*parts[:count]) for count in range(len(parts) + 1)]


def check_installable(root: Path, answers: Mapping[str, Any]) -> None:
    """Refuse an image whose packages nothing names: its build would fail."""
    manager = str(answers["package_manager"])
    lock = next((name for name, known in LOCKS.items() if known == manager), "")
    if manager == "requirements":
        wanted = [name for name in str(answers["requirements_files"]).split() if name != "."]
    else:
        wanted = [MANIFESTS[manager], lock] if lock else []
    missing = [name for name in wanted if not (root / name).is_file()]
    if manager == "pyproject" and not any((root / name).is_file() for name in INSTALLABLE):
        missing = ["pyproject.toml"]
    if not missing:
        return
    nested = sorted(
        path.parent.relative_to(root).as_posix()
        for name in (*LOCKS, "pyproject.toml")
        for path in [*root.glob(f"*/{name}"), *root.glob(f"*/*/{name}")]
    )
    listed = ", ".join([*LOCKS, "requirements.txt", "pyproject.toml"])
    where = f"{nested[0]} has one: `--project {root / nested[0]}`; " if nested else ""
    raise FastgenError(
        f"there is no `{missing[0]}` in `{root}` to install the image's packages from",
        f"{where}looked for {listed}; say another with `--package-manager`",
    )


def _manifest(root: Path, places: list[Path]) -> Manifest:
    for name, manager in LOCKS.items():
        if (root / name).is_file():
            return _locked(root, places, name, manager)
    for folder in places:
        for name in REQUIREMENTS:
            if (folder / name).is_file():
                files = dependencies.requirements_with_included(root, folder / name)
                found = list(
                    dependencies.of_requirements(root, [one for one in files if one != "."])
                )
                if dependencies.names_framework(found) or _is_alone(root, places):
                    return _required(root, folder, files, found)
    for name in INSTALLABLE:
        if (root / name).is_file() and _is_package(root / name):
            found = list(dependencies.of_pyproject(root, root / "pyproject.toml"))
            kind = Finding("package_manager", "pyproject", name)
            return Manifest([kind], dependencies.by_name(found), root)
    return Manifest(folder=root)


def _is_package(path: Path) -> bool:
    """Tell whether a manifest describes a package: many hold settings of tools alone."""
    data = table(path)
    return path.name != "pyproject.toml" or "project" in data or "poetry" in data.get("tool", {})


def _is_alone(root: Path, places: list[Path]) -> bool:
    """Tell whether no other requirements or manifest could be the one."""
    files = [folder / name for folder in places for name in REQUIREMENTS]
    several = sum(path.is_file() for path in files) > 1
    return not several and not any(
        _is_package(root / one) for one in INSTALLABLE if (root / one).is_file()
    )


def _locked(root: Path, places: list[Path], lock: str, manager: str) -> Manifest:
    manifest = Manifest([Finding("package_manager", manager, lock)], {}, root)
    path = root / MANIFESTS[manager]
    if manager == "uv" and "workspace" in table(path).get("tool", {}).get("uv", {}):
        return _workspace(root, places, manifest)
    read_file = dependencies.of_pipfile if manager == "pipenv" else dependencies.of_pyproject
    manifest.dependencies = dependencies.by_name(list(read_file(root, path)))
    return manifest


def _workspace(root: Path, places: list[Path], manifest: Manifest) -> Manifest:
    """Take the member of a workspace that holds the application, and the members that it needs."""
    own = [place for place in places if "project" in table(place / "pyproject.toml")]
    if not own:
        return manifest
    manifest.folder = own[-1]
    path = own[-1] / "pyproject.toml"
    name = str(table(path)["project"].get("name", ""))
    line = line_of(path, r"^name\s*=")
    manifest.findings.append(Finding("uv_package", name, path.relative_to(root).as_posix(), line))
    members, waiting, found = _members(root), [path], list[Dependency]()
    while waiting:
        new = list(dependencies.of_pyproject(root, waiting.pop()))
        waiting += [members.pop(one.name) for one in new if one.name in members]
        found += new
    manifest.dependencies = dependencies.by_name(found)
    return manifest


def _members(root: Path) -> dict[str, Path]:
    """Find the members of the workspace by name."""
    settings = table(root / "pyproject.toml")["tool"]["uv"]["workspace"]
    patterns = [str(one).strip("/") for one in settings.get("members", [])]
    paths = [path / "pyproject.toml" for pattern in patterns for path in root.glob(pattern)]
    named = {path: str(table(path).get("project", {}).get("name", "")) for path in paths}
    return {normal(name): path for path, name in named.items() if name}


def _required(root: Path, folder: Path, files: list[str], found: list[Dependency]) -> Manifest:
    manager = Finding("package_manager", "requirements", files[0])
    listed = Finding("requirements_files", " ".join(files), files[0])
    extra = [listed] if files != ["requirements.txt"] else []
    notes = [
        f"{lock} is in `{path}`: `--project {folder}` installs from it"
        for lock in LOCKS
        if (path := folder.relative_to(root).as_posix()) != "." and (folder / lock).is_file()
    ]
    return Manifest([manager, *extra], dependencies.by_name(found), folder, files, notes)


def _name(root: Path, folder: Path) -> Iterator[Finding]:
    """Name the project as its manifest does, or as its folder."""
    for place in dict.fromkeys((root, folder)):
        path = place / "pyproject.toml"
        data = table(path)
        given = data.get("project", {}).get("name") or data.get("tool", {}).get("poetry", {}).get(
            "name"
        )
        if name := _plain(str(given or "")):
            line = line_of(path, r"^name\s*=")
            yield Finding("project_name", name, path.relative_to(root).as_posix(), line)
            return
    if name := _plain(root.resolve().name):
        yield Finding("project_name", name, "the folder's name", 0)


def _plain(text: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", text.lower())
    return re.sub(r"^[^a-z]+", "", name)[:50].strip("-")


def _above(root: Path) -> Iterator[str]:
    """Tell of a workspace above the project: its lock is out of reach for the image."""
    if (root / "uv.lock").is_file():
        return
    for folder in root.resolve().parents:
        settings = table(folder / "pyproject.toml").get("tool", {}).get("uv", {})
        if "workspace" in settings and (folder / "uv.lock").is_file():
            yield (
                f"{folder / 'uv.lock'} is the lock of the workspace above and is not used; "
                f"`--project {folder}` installs from it"
            )
            return


def _version_from_git(root: Path, folder: Path) -> Iterator[str]:
    path = folder / "pyproject.toml"
    required = table(path).get("build-system", {}).get("requires", [])
    for one in required:
        name = normal(re.split(r"[^A-Za-z0-9._-]", str(one))[0])
        if name in FROM_GIT:
            place = f"{path.relative_to(root).as_posix()}:{line_of(path, re.escape(str(one)))}"
            yield f"{name} ({place}) reads the version from git, which is not in the image's build"
