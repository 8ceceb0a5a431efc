"""Tells the version of Python that the image is to have."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from generator.detect.dependencies import line_of, table, text_of
from generator.detect.findings import Finding


def python(
    root: Path, places: list[Path], folder: Path, images: Sequence[str]
) -> tuple[list[Finding], list[str]]:
    """Tell the version of Python: the pinned one, that of an image, or the best of the allowed.

    `images` are the versions that there are, the preferred one first.
    """
    oldest = min(images, key=_minor)
    required, where = _requirement(root, folder)
    fitting = [version for version in images if not required or allows(required, version)]
    for version, path, line in _pinned(root, places):
        if version in images:
            return [Finding("python_version", version, path, line)], []
        nearest = min if _minor(version) < _minor(oldest) else max
        taken = nearest(fitting or images, key=_minor)
        note = f"Python {version} ({path}:{line}) is not among the images ({', '.join(images)})"
        return [Finding("python_version", taken, path, line)], [f"{note}: {taken} is the nearest"]
    if required and not fitting:
        note = f"no image has a Python that fits `{required}` ({where[0]}:{where[1]})"
        return [Finding("python_version", oldest, *where)], [f"{note}: {oldest} is taken"]
    return ([Finding("python_version", fitting[0], *where)] if required else []), []


def _minor(version: str) -> int:
    return int(version.split(".")[1])


def _requirement(root: Path, folder: Path) -> tuple[str, tuple[str, int]]:
    path = folder / "pyproject.toml"
    data = table(path)
    poetry = data.get("tool", {}).get("poetry", {}).get("dependencies", {})
    required = str(data.get("project", {}).get("requires-python") or poetry.get("python") or "")
    line = line_of(path, r"^(?:requires-python|python)\s*=") if required else 1
    return required, (path.relative_to(root).as_posix(), line)


def _pinned(root: Path, places: list[Path]) -> Iterator[tuple[str, str, int]]:
    """Give the versions that files pin, the most binding first."""
    patterns = {
        ".python-version": r"^\s*(?:\w*-)?(3\.\d+)",
        "Pipfile": r"""^python(?:_full)?_version\s*=\s*["'](3\.\d+)""",
        "runtime.txt": r"^python-(3\.\d+)",
        "Dockerfile": r"(?i)^FROM\s.*?python:?(3\.\d+)",
    }
    for name, pattern in patterns.items():
        for folder in (*places, root / "docker"):
            for number, line in enumerate(text_of(folder / name).splitlines(), 1):
                if match := re.search(pattern, line):
                    yield match[1], (folder / name).relative_to(root).as_posix(), number
                    break


def allows(required: str, version: str) -> bool:
    """Compare minor versions alone: `>=3.11,<3.14`, `^3.11`, `~=3.12`, `~3.11`, `3.12.*`."""
    minor = _minor(version)
    for operator, bound, patch in re.findall(r"([<>=!~^]*)\s*3\.(\d+)(\.\d+)?", required):
        limit = int(bound)
        upper = {"<": minor < limit, "<=": minor <= limit, "!=": minor != limit or bool(patch)}
        exact = operator in {"==", "===", "", "~"} or (operator == "~=" and bool(patch))
        if not upper.get(operator, minor == limit if exact else minor >= limit):
            return False
    return True
