"""Finds the application objects, and the functions that make one."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from generator.detect.findings import Application
from generator.detect.sources import Source, called

APPLICATIONS = frozenset({"FastAPI", "Starlette"})


@dataclass(frozen=True)
class Known:
    """What in this project gives an application: functions that return one, attributes that hold one."""

    makers: frozenset[str]
    attributes: frozenset[str]

    def gives(self, value: ast.expr | None) -> bool:
        """Tell whether an expression is an application."""
        if isinstance(value, ast.Attribute):
            return value.attr in self.attributes
        return called(value) in APPLICATIONS | self.makers


def applications(sources: Sequence[Source]) -> list[Application]:
    """List the application objects; where there is none, the functions that make one."""
    known = Known(
        frozenset(name for source in sources for name in _factories(source)),
        frozenset(name for source in sources for name in _attributes(source)),
    )
    found = [one for source in sources for one in _applications(source, known)]
    return [one for one in found if not one.factory] or found


def _attributes(source: Source) -> Iterator[str]:
    """Name the attributes that hold an application: `self.app = FastAPI(...)`."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Assign) and called(node.value) in APPLICATIONS:
            for target in node.targets:
                if isinstance(target, ast.Attribute) and getattr(target.value, "id", "") == "self":
                    yield target.attr


def _factories(source: Source) -> Iterator[str]:
    """Name the functions that make an application."""
    for node in source.tree.body:
        if isinstance(node, ast.FunctionDef) and _makes_application(node):
            yield node.name


def _makes_application(node: ast.FunctionDef) -> bool:
    returns = node.returns
    annotated = getattr(returns, "id", getattr(returns, "attr", ""))
    if annotated in APPLICATIONS:
        return True
    made = {
        target.id
        for inner in ast.walk(node)
        if isinstance(inner, ast.Assign) and called(inner.value) in APPLICATIONS
        for target in inner.targets
        if isinstance(target, ast.Name)
    }
    given = [inner.value for inner in ast.walk(node) if isinstance(inner, ast.Return)]
    return any(
        called(value) in APPLICATIONS or (isinstance(value, ast.Name) and value.id in made)
        for value in given
    )


def _applications(source: Source, known: Known) -> Iterator[Application]:
    for node in source.tree.body:
        if isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        elif isinstance(node, ast.FunctionDef) and node.name in known.makers:
            if not _needs_arguments(node) and _makes_application(node):
                yield _application(source, node.name, node.lineno, factory=True)
            continue
        else:
            continue
        if known.gives(node.value):
            for name in names:
                if name not in source.mounted:
                    yield _application(source, name, node.lineno, factory=False)


def _needs_arguments(node: ast.FunctionDef) -> bool:
    arguments = node.args
    keyword_only = sum(default is None for default in arguments.kw_defaults)
    return len(arguments.args) > len(arguments.defaults) or keyword_only > 0


def _application(source: Source, name: str, line: int, *, factory: bool) -> Application:
    base = _import_root(source)
    module = source.path.relative_to(base).with_suffix("")
    parts = module.parts[:-1] if module.name == "__init__" else module.parts
    directory = base.relative_to(source.root).as_posix()
    return Application(".".join(parts), name, directory, factory, source.relative, line)


def _import_root(source: Source) -> Path:
    """Find the folder that the file's own package is imported from.

    The file's absolute imports tell it where they name one of the folders above; otherwise it is
    the folder above the outermost package.
    """
    imported = {
        node.module.split(".")[0]
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ImportFrom) and node.module and not node.level
    }
    above = [folder for folder in source.path.parents if folder.is_relative_to(source.root)]
    for folder in above[:-1]:
        if folder.name in imported:
            return folder.parent
    folder = source.path.parent
    while folder != source.root and (folder / "__init__.py").exists():
        folder = folder.parent
    return folder
