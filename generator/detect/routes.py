"""Finds what a load test can ask: GET routes that need no value which only a person knows."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from generator.detect.findings import Application, Finding
from generator.detect.sources import Source, called

PLAIN = frozenset({"str", "int", "float", "bool", "UUID", "date", "datetime", "Decimal"})
"""Types of parameters that clients give: a route that requires one is left out."""


@dataclass(frozen=True)
class Router:
    """An object with routes, and what their paths start with."""

    source: Source
    name: str
    prefix: str


def load_paths(application: Application, sources: Sequence[Source]) -> Iterator[Finding]:
    """Find the paths of the application and of the routers that its file includes."""
    own = [source for source in sources if source.relative == application.path]
    routers = [Router(source, application.name, "") for source in own]
    routers += [router for source in own for router in _included(source, application.name, sources)]
    paths = dict.fromkeys(path for router in routers for path in _paths(router))
    if paths:
        yield Finding("load_paths", " ".join(paths), application.path, application.line)


def _included(source: Source, name: str, sources: Sequence[Source]) -> Iterator[Router]:
    """Find the routers of `app.include_router(...)` whose file and prefix are certain."""
    for call in source.calls:
        owner = getattr(getattr(call.func, "value", None), "id", "")
        if called(call) != "include_router" or owner != name or not call.args:
            continue
        prefix = _prefix(call)
        found = list(_definitions(call.args[0], source, sources))
        if prefix is not None and len(found) == 1:
            yield Router(found[0].source, found[0].name, prefix + found[0].prefix)


def _definitions(given: ast.expr, source: Source, sources: Sequence[Source]) -> Iterator[Router]:
    """Find where the given router may be made."""
    module, name = _place(given, source)
    for one in sources if module else [source]:
        if module and module not in {one.path.stem, one.path.parent.name}:
            continue
        for node in one.tree.body:
            if isinstance(node, ast.Assign) and called(node.value) == "APIRouter":
                names = {target.id for target in node.targets if isinstance(target, ast.Name)}
                prefix = _prefix(node.value)
                if name in names and prefix is not None:
                    yield Router(one, name, prefix)


def _place(given: ast.expr, source: Source) -> tuple[str, str]:
    """Name the module (its last part; nothing for this file) and the name in it."""
    imported = {
        alias.asname or alias.name: ((node.module or "").rpartition(".")[2], alias.name)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    if isinstance(given, ast.Attribute):
        module = getattr(given.value, "id", getattr(given.value, "attr", ""))
        return imported.get(module, ("", module))[1], given.attr
    name = getattr(given, "id", "")
    return imported.get(name, ("", name))


def _prefix(call: ast.expr) -> str | None:
    """Read the literal prefix; None where it is computed."""
    for keyword in call.keywords if isinstance(call, ast.Call) else []:
        if keyword.arg == "prefix":
            return _text(keyword.value)
    return ""


def _paths(router: Router) -> Iterator[str]:
    for node in ast.walk(router.source.tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or _asks_for_more(node):
            continue
        for decorator in node.decorator_list:
            owner = getattr(getattr(getattr(decorator, "func", None), "value", None), "id", "")
            if called(decorator) != "get" or owner != router.name:
                continue
            arguments = decorator.args if isinstance(decorator, ast.Call) else []
            path = _text(arguments[0]) if arguments else None
            if path is not None and "{" not in path and (router.prefix + path).startswith("/"):
                yield router.prefix + path


def _asks_for_more(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether the route requires a parameter of its clients."""
    arguments = node.args.posonlyargs + node.args.args
    required = arguments[: len(arguments) - len(node.args.defaults)]
    required += [
        argument
        for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        if default is None
    ]
    return any(getattr(argument.annotation, "id", "") in PLAIN for argument in required)


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
