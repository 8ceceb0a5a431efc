"""Reads the direct dependencies of a project, by the manifest that they are installed from."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FRAMEWORKS = frozenset({"fastapi", "starlette", "fastapi-slim"})


@dataclass(frozen=True)
class Dependency:
    """A direct dependency: its name and extras in normal form, and where it stands."""

    name: str
    extras: frozenset[str]
    path: str
    line: int


def table(path: Path) -> Mapping[str, Any]:
    """Read a TOML file; nothing where it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return {}


def text_of(path: Path) -> str:
    """Read a text; nothing where there is no file."""
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def line_of(path: Path, pattern: str) -> int:
    """Give the number of the first line that fits the pattern."""
    lines = text_of(path).splitlines()
    return next((number for number, line in enumerate(lines, 1) if re.search(pattern, line)), 1)


def normal(name: str) -> str:
    """Write a package's name in its normal form."""
    return re.sub(r"[-_.]+", "-", name).lower()


def by_name(found: Sequence[Dependency]) -> dict[str, Dependency]:
    """Index by name; of several entries the extras are joined."""
    index: dict[str, Dependency] = {}
    for one in found:
        before = index.get(one.name)
        extras = one.extras | (before.extras if before else frozenset())
        index[one.name] = Dependency(one.name, extras, (before or one).path, (before or one).line)
    return index


def of_pyproject(root: Path, path: Path) -> Iterator[Dependency]:
    """Read `[project]` and `[tool.poetry]`; what is optional is not installed."""
    data = table(path)
    for text in data.get("project", {}).get("dependencies", []):
        yield from _entry(root, path, str(text))
    yield from _mapping(root, path, data.get("tool", {}).get("poetry", {}).get("dependencies", {}))


def of_pipfile(root: Path, path: Path) -> Iterator[Dependency]:
    """Read the packages of a Pipfile."""
    yield from _mapping(root, path, table(path).get("packages", {}))


def of_requirements(root: Path, files: Sequence[str]) -> Iterator[Dependency]:
    """Read requirements files."""
    for name in files:
        path = root / name
        for number, line in enumerate(text_of(path).splitlines() if path.is_file() else [], 1):
            if found := _parsed(line):
                yield Dependency(*found, name, number)


def requirements_with_included(root: Path, path: Path) -> list[str]:
    """List a requirements file and those that it includes; `.` for what is in the project itself."""
    found = [path.relative_to(root).as_posix()]
    for line in text_of(path).splitlines():
        option = re.match(r"\s*(?:-r|--requirement|-c|--constraint)[\s=]+(\S+)", line)
        if option and (path.parent / option[1]).is_file():
            included = Path(path.parent, option[1]).resolve()
            if included.is_relative_to(root.resolve()):
                inside = root / included.relative_to(root.resolve())
                found += requirements_with_included(root, inside)
        elif re.match(r"\s*(?:(?:-e|--editable)[\s=]+)?\.{1,2}(?:[/\[\s]|$)", line):
            found.append(".")
    return list(dict.fromkeys(found))


def names_framework(found: Sequence[Dependency]) -> bool:
    """Tell whether the dependencies are those of a web service."""
    return any(one.name in FRAMEWORKS for one in found)


def _mapping(root: Path, path: Path, packages: Mapping[str, Any]) -> Iterator[Dependency]:
    for name, value in packages.items():
        options = value if isinstance(value, dict) else {}
        if normal(name) == "python" or options.get("optional"):
            continue
        extras = ",".join(options.get("extras", []))
        yield from _entry(root, path, f"{name}[{extras}]" if extras else name)


def _entry(root: Path, path: Path, text: str) -> Iterator[Dependency]:
    if found := _parsed(text):
        name = re.escape(re.split(r"[^A-Za-z0-9._-]", text.strip())[0])
        line = line_of(path, rf"""^[\s"'\[]*(?:\w+\s*=\s*\[\s*["'])?{name}(?![\w.-])""")
        yield Dependency(*found, path.relative_to(root).as_posix(), line)


def _parsed(text: str) -> tuple[str, frozenset[str]] | None:
    match = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^]]*)\])?", text)
    if not match or text.lstrip().startswith(("#", "-")):
        return None
    extras = frozenset(normal(one.strip()) for one in (match[2] or "").split(",") if one.strip())
    return normal(match[1]), extras
