"""The Python files of a project, parsed."""

import ast
import os
from collections.abc import Iterable, Iterator, Sequence
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
DEEPEST_CHAIN = 5
"""So many files are gone through to find what a name stands for."""


@dataclass(frozen=True)
class Import:
    """Where a name of a file comes from: a module's path in parts, and the name in the module."""

    parts: tuple[str, ...]
    name: str
    relative: bool
    """Do the parts start in the project's folder (`from .x import y`)?"""


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
    def folder(self) -> tuple[str, ...]:
        """The path inside the project of the folder that it is in."""
        return self.path.relative_to(self.root).parent.parts

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """The path inside the project as a module has it."""
        parts = self.path.relative_to(self.root).with_suffix("").parts
        return parts[:-1] if parts[-1] == "__init__" else parts

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the file: walking large projects again and again takes seconds."""
        return list(ast.walk(self.tree))

    @cached_property
    def calls(self) -> list[ast.Call]:
        """Every call in the file."""
        return [node for node in self.nodes if isinstance(node, ast.Call)]

    @cached_property
    def statements(self) -> list[ast.stmt]:
        """What runs when the file is imported."""
        return list(_statements(self.tree.body))

    @cached_property
    def values(self) -> dict[str, ast.expr]:
        """What the names of the module stand for; the first assignment counts."""
        found: dict[str, ast.expr] = {}
        for node in self.statements:
            for name, value in assigned(node):
                found.setdefault(name, value)
        return found

    @cached_property
    def functions(self) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
        """The functions of the module by name."""
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        return {node.name: node for node in self.statements if isinstance(node, kinds)}

    @cached_property
    def imports(self) -> dict[str, Import]:
        """Where imported names come from."""
        found: dict[str, Import] = {}
        for node in self.nodes:
            if isinstance(node, ast.ImportFrom):
                start = self._above(node.level)
                parts = (*start, *(node.module or "").split(".")) if node.module else start
                for alias in node.names:
                    given = alias.asname or alias.name
                    found.setdefault(given, Import(parts, alias.name, node.level > 0))
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    above, _, name = alias.name.rpartition(".")
                    if alias.asname or not above:
                        parts = tuple(above.split(".")) if above else ()
                        found.setdefault(alias.asname or name, Import(parts, name, False))
        return found

    def _above(self, level: int) -> tuple[str, ...]:
        return self.folder[: len(self.folder) - level + 1] if level else ()


@dataclass(frozen=True)
class Place:
    """A name in a file."""

    source: Source
    name: str

    @property
    def key(self) -> tuple[str, str]:
        """What tells two places apart."""
        return self.source.relative, self.name


def assigned(node: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """Give the names that a statement assigns, with what they are given."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name):
                yield target.id, node.value
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
        yield node.target.id, node.value


def definition(
    given: ast.expr, source: Source, sources: Sequence[Source], depth: int = DEEPEST_CHAIN
) -> Place | None:
    """Find where a name or `module.name` is defined; None where that is not certain."""
    if isinstance(given, ast.Attribute) and isinstance(given.value, ast.Name):
        found = source.imports.get(given.value.id)
        if not found:
            return None
        module = Import((*found.parts, found.name), given.attr, found.relative)
        return _imported(module, source, sources, depth)
    if not isinstance(given, ast.Name):
        return None
    if given.id in source.values or given.id in source.functions:
        return Place(source, given.id)
    known = source.imports.get(given.id)
    return _imported(known, source, sources, depth) if known else None


def _imported(known: Import, source: Source, sources: Sequence[Source], depth: int) -> Place | None:
    files = [one for one in sources if _is_module(one, known, source)]
    if len(files) != 1 or not depth:
        return None
    return definition(ast.Name(known.name), files[0], sources, depth - 1)


def _is_module(candidate: Source, known: Import, source: Source) -> bool:
    """Tell whether the import names that file: from a folder above the importing one."""
    if known.relative:
        return candidate.parts == known.parts
    above = candidate.parts[: len(candidate.parts) - len(known.parts)]
    is_named = bool(known.parts) and candidate.parts[len(above) :] == known.parts
    return is_named and source.folder[: len(above)] == above


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        for name in ("body", "orelse", "finalbody"):
            if isinstance(node, (ast.If, ast.Try, ast.With)):
                yield from _statements(getattr(node, name, ()))


def sources(root: Path, unread: list[str]) -> Iterator[Source]:
    """Walk the project in a fixed order; `unread` gets the files that could not be parsed."""
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
            if (tree := parse(path)) is None:
                unread.append(path.relative_to(root).as_posix())
            else:
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


def argument(call: ast.Call, name: str, position: int | None = None) -> ast.expr | None:
    """Give an argument of a call by its keyword, or by its position."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    if position is not None and len(call.args) > position:
        return call.args[position]
    return None


def literal(node: ast.expr | None) -> str | None:
    """Give the text that an expression is; None for everything that is computed."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
