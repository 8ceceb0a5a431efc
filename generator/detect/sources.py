"""The Python files of a project, parsed."""

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

SKIPPED = frozenset(
    (
        *("__pycache__", "build", "dist", "docs", "docs_src", "examples", "migrations"),
        *("node_modules", "site-packages", "test", "tests", "venv", "env", "alembic"),
    )
)
"""Folders that hold no application of the project; hidden folders are skipped too."""
MOST_FILES = 5000


@dataclass
class Source:
    """One parsed file and what it says about applications."""

    path: Path
    tree: ast.Module
    root: Path

    @property
    def relative(self) -> str:
        """The path inside the project."""
        return self.path.relative_to(self.root).as_posix()

    @cached_property
    def calls(self) -> list[ast.Call]:
        """Every call in the file."""
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.Call)]

    @cached_property
    def mounted(self) -> set[str]:
        """Names that are mounted into another application: parts, not the whole."""
        return {
            argument.id
            for call in self.calls
            if isinstance(call.func, ast.Attribute) and call.func.attr == "mount"
            for argument in [*call.args, *(keyword.value for keyword in call.keywords)]
            if isinstance(argument, ast.Name)
        }


def sources(root: Path) -> Iterator[Source]:
    """Walk the project in a fixed order."""
    count = 0
    for folder, names, files in os.walk(root):
        names[:] = sorted(
            name for name in names if name not in SKIPPED and not name.startswith(".")
        )
        for name in sorted(files):
            if not name.endswith(".py") or name.startswith("test_") or name == "conftest.py":
                continue
            count += 1
            if count > MOST_FILES:
                return
            path = Path(folder, name)
            if (tree := parse(path)) is not None:
                yield Source(path, tree, root)


def parse(path: Path) -> ast.Module | None:
    """Parse a file; None for what is no Python of ours (another version, another encoding)."""
    try:
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None


def called(node: ast.AST | None) -> str:
    """Name what an expression calls: `FastAPI(...)`, `fastapi.FastAPI(...)`."""
    if not isinstance(node, ast.Call):
        return ""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""
