"""Reads what is no code: lock files, the manifest, the requirements."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from generator.detect.findings import Finding

LOCKS = {
    "uv.lock": "uv",
    "poetry.lock": "poetry",
    "pdm.lock": "pdm",
    "Pipfile.lock": "pipenv",
    "requirements.txt": "requirements",
    "pyproject.toml": "pyproject",
}
"""File -> package manager; the first that is there counts."""
DRIVERS = ("asyncpg", "psycopg", "asyncmy", "aiomysql", "aiosqlite")
PYTHONS = ("3.13", "3.14", "3.12", "3.11")
"""Versions of the image, the preferred one first."""


def tools(root: Path) -> Iterator[Finding]:
    """Tell the package manager and the version of Python."""
    yield from _manager(root)
    yield from _python(root)


def packages(root: Path) -> Iterator[Finding]:
    """Tell what follows from the dependencies, and the project's name."""
    dependencies = _dependencies(root)
    yield from _driver(dependencies)
    yield from _server(dependencies)
    yield from _name(root)


def _manager(root: Path) -> Iterator[Finding]:
    for name, manager in LOCKS.items():
        if (root / name).is_file():
            yield Finding("package_manager", manager, name)
            return


def _project_table(root: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return {}


def _python(root: Path) -> Iterator[Finding]:
    pinned = root / ".python-version"
    if pinned.is_file():
        match = re.search(r"3\.\d+", pinned.read_text(encoding="utf-8", errors="replace"))
        if match and match[0] in PYTHONS:
            yield Finding("python_version", match[0], ".python-version")
            return
    table = _project_table(root)
    poetry = table.get("tool", {}).get("poetry", {}).get("dependencies", {})
    required = str(table.get("project", {}).get("requires-python") or poetry.get("python") or "")
    fitting = [version for version in PYTHONS if required and _allows(required, version)]
    if fitting:
        line = _line_of(root / "pyproject.toml", required)
        yield Finding("python_version", fitting[0], "pyproject.toml", line)


def _allows(required: str, version: str) -> bool:
    """Compare minor versions alone: `>=3.11,<3.14`, `^3.11`, `~=3.12`, `3.12.*`."""
    minor = int(version.split(".")[1])
    for operator, bound in re.findall(r"([<>=!~^]*)\s*3\.(\d+)", required):
        limit = int(bound)
        upper = {"<": minor < limit, "<=": minor <= limit, "!=": minor != limit}
        exact = operator in {"==", ""}
        if not upper.get(operator, minor == limit if exact else minor >= limit):
            return False
    return True


def _dependencies(root: Path) -> dict[str, tuple[str, int]]:
    """Read the direct dependencies: name -> file and line."""
    found: dict[str, tuple[str, int]] = {}
    for path in [*sorted(root.glob("requirements*.txt")), *sorted(root.glob("requirements/*.txt"))]:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        for number, line in enumerate(lines, 1):
            _add(found, line, path.relative_to(root).as_posix(), number)
    table = _project_table(root)
    project, poetry = table.get("project", {}), table.get("tool", {}).get("poetry", {})
    names = [*project.get("dependencies", []), *poetry.get("dependencies", {})]
    for value in poetry.get("dependencies", {}).items():
        extras = value[1].get("extras", []) if isinstance(value[1], dict) else []
        names += [f"{value[0]}[{extra}]" for extra in extras]
    for name in names:
        _add(found, str(name), "pyproject.toml", _line_of(root / "pyproject.toml", str(name)))
    return found


def _add(found: dict[str, tuple[str, int]], text: str, path: str, line: int) -> None:
    match = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^]]*\])?", text)
    if match and not text.lstrip().startswith(("#", "-")):
        name = re.sub(r"[-_.]+", "-", match[1]).lower()
        found.setdefault(name, (path, line))
        if match[2]:
            found.setdefault(name + match[2].replace(" ", ""), (path, line))


def _line_of(path: Path, text: str) -> int:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((number for number, line in enumerate(lines, 1) if text in line), 1)


def _driver(dependencies: Mapping[str, tuple[str, int]]) -> Iterator[Finding]:
    known = {
        **{name: name for name in DRIVERS},
        "psycopg2": "psycopg",
        "psycopg2-binary": "psycopg",
    }
    for name, driver in known.items():
        if name in dependencies:
            yield Finding("db_driver", driver, *dependencies[name])
            return
    yield Finding("db_driver", "none", "no database driver among the dependencies", 0)


def _server(dependencies: Mapping[str, tuple[str, int]]) -> Iterator[Finding]:
    """Tell whether the image needs a server of its own: the command is uvicorn's."""
    with_uvicorn = re.compile(r"uvicorn|fastapi\[.*(standard|all).*\]")
    name = next((name for name in dependencies if with_uvicorn.fullmatch(name)), None)
    if name:
        yield Finding("add_server", False, *dependencies[name])
    elif dependencies:
        yield Finding("add_server", True, "uvicorn is not among the dependencies", 0)


def _name(root: Path) -> Iterator[Finding]:
    table = _project_table(root)
    poetry = table.get("tool", {}).get("poetry", {})
    given = table.get("project", {}).get("name") or poetry.get("name")
    name = re.sub(r"[^a-z0-9]+", "-", str(given or root.resolve().name).lower()).strip("-")[:50]
    name = name.strip("-")
    if re.match(r"[a-z]", name):
        place = "pyproject.toml" if given else "the folder's name"
        yield Finding("project_name", name, place, 1 if given else 0)
