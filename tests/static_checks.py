"""What holds for each rendered file by itself, whatever project it is in."""

import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import yaml

OWN = "lint.isort.known-first-party = ['app', 'loadtest']"
JINJA = re.compile(r"(?<!\$)\{\{|\{%|\{#")
OWN_BRACES = {"justfile", "README.md", "service.json"}
"""Files whose own language has double braces."""
EMPTY = {"__init__.py", ".gitkeep"}
RUFF = [
    # A shelf lacks the modules that are the same everywhere; ruff would ask the disk for them.
    ("check", "--ignore=D104", "--output-format=concise", "--config", OWN),
    ("format", "--check"),
]
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

File = tuple[str, bytes, str]
"""Path, content, and where it comes from."""


def _yaml(text: str) -> list[Any]:
    return list(yaml.load_all(text, Loader=LOADER))


def _ini(text: str) -> None:
    ConfigParser(interpolation=None).read_string(text)


def _unit(text: str) -> None:
    """Read units of systemd, in which a key may stand several times."""
    if not re.search(r"^\[\w+\]$", text, re.M):
        raise ValueError("no section")
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if not re.match(r"$|[#;]|\[\w+\]$|\w+=", line):
            raise ValueError(f"neither a section nor a key: {line!r}")


READERS: dict[tuple[str, ...], Callable[[str], object]] = {
    (".toml",): tomllib.loads,
    (".yml", ".yaml"): _yaml,
    (".json",): json.loads,
    (".ini",): _ini,
    (".service", ".socket"): _unit,
}


def document_problem(path: str, text: str) -> str:
    """Why a document cannot be read; an empty string for a good one and for other files."""
    for suffixes, read in READERS.items():
        if path.endswith(suffixes):
            try:
                read(text)
            except (ValueError, yaml.YAMLError) as error:
                return str(error)
    return ""


def text_problem(path: str, content: bytes) -> str:
    """What is left of the template in a file, or empty in it; an empty string for a good one."""
    name = Path(path).name
    others = name in OWN_BRACES or ".github" in path or path.endswith(".py")
    if not others and (found := JINJA.search(content.decode())):
        return f"Jinja is left: {found[0]}"
    if not content.strip():
        return "" if name in EMPTY else "empty"
    for wrong, why in (
        (not content.endswith(b"\n"), "no newline at the end"),
        (content.endswith(b"\n\n"), "blank lines at the end"),
        (b"\n\n\n" in content and not path.endswith((".py", ".mako")), "two blank lines"),
        (re.search(rb"[ \t]\n", content), "blanks at the end of a line"),
    ):
        if wrong:
            return why
    return ""


def shelved(base: Path, files: Iterable[File], manifest: bytes) -> dict[str, str]:
    """Write different files of the same path below project roots of their own; where each is from."""
    origin, used = dict[str, str](), Counter[str]()
    for path, content, where in files:
        if path == "pyproject.toml" or (path.endswith("__init__.py") and not content.strip()):
            continue
        root = base / str(used[path])
        used[path] += 1
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        (root / "pyproject.toml").write_bytes(manifest)
        # Without them ruff would not know `app` as the project's own package.
        for folder in (root / "app", target.parent):
            folder.mkdir(exist_ok=True)
            if "app" in folder.relative_to(base).parts and not (folder / "__init__.py").exists():
                (folder / "__init__.py").touch()
        origin[target.relative_to(base).as_posix()] = where
    return origin


def ruff_problems(base: Path, origin: dict[str, str], command: Sequence[str]) -> list[str]:
    """What ruff says of the files below `base`, each line with where the file is from."""
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "--no-cache", "."],
        cwd=base,
        capture_output=True,
        text=True,
        check=False,
    )
    if not done.returncode:
        return []
    return list(_placed(done.stdout, origin)) or [done.stdout + done.stderr]


def _placed(output: str, origin: dict[str, str]) -> Iterator[str]:
    for line in output.splitlines():
        path = line.removeprefix("Would reformat: ").split(":")[0]
        if path in origin:
            yield f"{line}   [{origin[path]}]"
