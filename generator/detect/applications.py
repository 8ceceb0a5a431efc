"""Finds the application objects, the functions that make one, and the parts that are mounted."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from generator.detect.findings import Application
from generator.detect.sources import Place, Source, assigned, called, definition

FRAMEWORK = frozenset({"FastAPI", "Starlette"})
MOUNTING = frozenset({"mount", "host", "Mount", "Host"})


@dataclass(frozen=True)
class Known:
    """What in this project gives an application: classes, functions, attributes that hold one."""

    classes: frozenset[str]
    makers: frozenset[str]
    attributes: frozenset[str]

    def gives(self, value: ast.expr | None) -> bool:
        """Tell whether an expression is an application."""
        if isinstance(value, ast.Attribute):
            return value.attr in self.attributes
        return called(value) in self.classes | self.makers


def application_classes(sources: Sequence[Source]) -> frozenset[str]:
    """Name the classes of applications: the framework's and the project's own."""
    return FRAMEWORK | {name for source in sources for name in _subclasses(source)}


def known(sources: Sequence[Source]) -> Known:
    """Learn what gives an application in this project."""
    classes = application_classes(sources)
    return Known(
        classes,
        frozenset(name for source in sources for name in _factories(source, classes)),
        frozenset(name for source in sources for name in _attributes(source, classes)),
    )


def applications(sources: Sequence[Source]) -> list[Application]:
    """List the application objects; where there is none, the functions that make one."""
    here = known(sources)
    parts = {place.key for source in sources for place in _parts(source, sources)}
    found = [one for source in sources for one in _applications(source, here)]
    whole = [one for one in found if (one.path, one.name) not in parts]
    return [one for one in whole if not one.factory] or whole


def local_names(function: ast.AST, classes: frozenset[str]) -> set[str]:
    """Name the variables of a function that hold an application made there."""
    return {
        name
        for inner in ast.walk(function)
        if isinstance(inner, ast.stmt)
        for name, value in assigned(inner)
        if called(value) in classes
    }


def is_annotated(annotation: ast.expr | None, classes: frozenset[str]) -> bool:
    """Tell whether an annotation is an application's class."""
    return getattr(annotation, "id", getattr(annotation, "attr", "")) in classes


def _subclasses(source: Source) -> Iterator[str]:
    for node in source.statements:
        if isinstance(node, ast.ClassDef) and any(is_annotated(b, FRAMEWORK) for b in node.bases):
            yield node.name


def _attributes(source: Source, classes: frozenset[str]) -> Iterator[str]:
    """Name the attributes that hold an application: `self.app = FastAPI(...)`."""
    for node in source.nodes:
        if isinstance(node, ast.Assign) and called(node.value) in classes:
            for target in node.targets:
                if isinstance(target, ast.Attribute) and getattr(target.value, "id", "") == "self":
                    yield target.attr


def _factories(source: Source, classes: frozenset[str]) -> Iterator[str]:
    """Name the functions that make an application."""
    for name, node in source.functions.items():
        if isinstance(node, ast.FunctionDef) and _makes_application(node, classes):
            yield name


def _makes_application(node: ast.FunctionDef, classes: frozenset[str]) -> bool:
    if is_annotated(node.returns, classes):
        return True
    made = local_names(node, classes)
    given = [inner.value for inner in ast.walk(node) if isinstance(inner, ast.Return)]
    return any(
        called(value) in classes or (isinstance(value, ast.Name) and value.id in made)
        for value in given
    )


def _parts(source: Source, sources: Sequence[Source]) -> Iterator[Place]:
    """Give what is mounted into another application: parts, not the whole."""
    for call in source.calls:
        if called(call) in MOUNTING:
            for value in [*call.args, *(keyword.value for keyword in call.keywords)]:
                if place := definition(value, source, sources):
                    yield place


def _applications(source: Source, here: Known) -> Iterator[Application]:
    for node in source.statements:
        if isinstance(node, ast.FunctionDef):
            if not _needs_arguments(node) and _makes_application(node, here.classes):
                yield _application(source, node.name, node.lineno, factory=True)
            continue
        for name, value in assigned(node):
            if here.gives(value):
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
        for node in source.nodes
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
