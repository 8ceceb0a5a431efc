"""Finds the GET routes of an application whose paths are certain, through its routers and parts."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from generator.detect.applications import application_classes, is_annotated, local_names
from generator.detect.findings import Application
from generator.detect.sources import (
    Place,
    Source,
    argument,
    assigned,
    called,
    definition,
    literal,
)

SUPPLIED = frozenset(
    {"Request", "Response", "HTTPConnection", "WebSocket", "BackgroundTasks", "SecurityScopes"}
)
"""Types of parameters that the framework gives; of any other type clients give them."""
ASKING = frozenset({"Query", "Header", "Cookie", "Body", "Form", "File", "Path"})
DEPENDING = frozenset({"Depends", "Security"})
DEEPEST_DEPENDENCY = 6

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Route:
    """A GET route and what it wants."""

    path: str
    source: Source
    line: int
    asks: bool
    """Does it need, or may it need, a value that only a person knows?"""
    depends: bool
    """Does it use anything beside the request (a session, the settings)?"""


@dataclass
class Routes:
    """Walks from the application to everything that is included or mounted."""

    application: Application
    applications: Sequence[Application]
    sources: Sequence[Source]
    seen: set[tuple[str, str, str]] = field(default_factory=set)

    def all(self) -> Iterator[Route]:
        """Give the routes in the order of the files."""
        for place in self._homes():
            yield from self._of(place, "", asks=False)

    def _homes(self) -> Iterator[Place]:
        """Give the variables that hold the application: its own, and those of who makes it."""
        classes = application_classes(self.sources)
        for source in self.sources:
            if source.relative != self.application.path:
                continue
            name = self.application.name
            if not self.application.factory:
                yield Place(source, name)
            value = source.values.get(name)
            maker = value.func if isinstance(value, ast.Call) else ast.Name(name)
            made_in = definition(maker, source, self.sources)
            if made_in and (function := made_in.source.functions.get(made_in.name)):
                for local in sorted(local_names(function, classes)):
                    yield Place(made_in.source, local)
        if len(self.applications) == 1:
            yield from self._handed_over(classes)

    def _handed_over(self, classes: frozenset[str]) -> Iterator[Place]:
        """Give the parameters that the only application is handed over as: `def add(app: FastAPI)`."""
        for source in self.sources:
            names = {
                parameter.arg
                for function in source.functions.values()
                for parameter in function.args.args
                if is_annotated(parameter.annotation, classes)
            }
            for name in sorted(names):
                yield Place(source, name)

    def _of(self, place: Place, prefix: str, *, asks: bool) -> Iterator[Route]:
        key = (*place.key, prefix)
        if key in self.seen:
            return
        self.seen.add(key)
        value = place.source.values.get(place.name)
        asks = asks or (isinstance(value, ast.Call) and self._guarded(value, place.source))
        yield from self._decorated(place, prefix, asks=asks)
        for call in place.source.calls:
            owner = getattr(getattr(call.func, "value", None), "id", "")
            if owner == place.name:
                yield from self._called(call, place.source, prefix, asks=asks)
        if isinstance(value, ast.Call):
            yield from self._listed(argument(value, "routes"), place.source, prefix)

    def _decorated(self, place: Place, prefix: str, *, asks: bool) -> Iterator[Route]:
        source = place.source
        functions = [node for node in source.nodes if isinstance(node, Function)]
        for node in functions:
            for call in node.decorator_list:
                owner = getattr(getattr(getattr(call, "func", None), "value", None), "id", "")
                if not isinstance(call, ast.Call) or owner != place.name or called(call) != "get":
                    continue
                path = self._text(argument(call, "path", 0), source)
                guarded = asks or self._guarded(call, source)
                yield from self._route(path, prefix, source, node, guarded, call.lineno)

    def _called(
        self, call: ast.Call, source: Source, prefix: str, *, asks: bool
    ) -> Iterator[Route]:
        asks = asks or self._guarded(call, source)
        kind = called(call)
        if kind == "include_router" and call.args:
            found = definition(call.args[0], source, self.sources)
            within, own = self._prefix(call, source), self._router_prefix(found)
            if found and within is not None and own is not None:
                yield from self._of(found, prefix + within + own, asks=asks)
        elif kind == "mount":
            path, part = self._text(argument(call, "path", 0), source), argument(call, "app", 1)
            place = definition(part, source, self.sources) if part else None
            if place and path is not None and called(place.source.values.get(place.name)):
                yield from self._of(place, prefix + path.rstrip("/"), asks=asks)
        elif kind in {"add_api_route", "add_route"} and _is_get(call):
            path = self._text(argument(call, "path", 0), source)
            given = argument(call, "endpoint", 1) if kind == "add_api_route" else None
            function = self._function(given, source)
            yield from self._route(path, prefix, source, function, asks, call.lineno)

    def _listed(self, given: ast.expr | None, source: Source, prefix: str) -> Iterator[Route]:
        """Read Starlette's list of routes, written out or as a name."""
        place = definition(given, source, self.sources) if isinstance(given, ast.Name) else None
        if place:
            source, given = place.source, place.source.values.get(place.name)
        for one in given.elts if isinstance(given, (ast.List, ast.Tuple)) else []:
            if not isinstance(one, ast.Call):
                continue
            path = self._text(argument(one, "path", 0), source)
            if called(one) in {"Route", "APIRoute"} and _is_get(one):
                yield from self._route(path, prefix, source, None, False, one.lineno)
            elif called(one) == "Mount" and path is not None:
                within = prefix + path.rstrip("/")
                yield from self._listed(argument(one, "routes"), source, within)

    def _route(
        self,
        path: str | None,
        prefix: str,
        source: Source,
        function: Function | None,
        asks: bool,
        line: int,
    ) -> Iterator[Route]:
        whole = prefix + path if path is not None else ""
        if whole.startswith("/") and "{" not in whole:
            # A view that is a class may depend on more than its method says.
            method = function is not None and any(a.arg == "self" for a in function.args.args)
            asks = asks or method or (function is not None and self._asks(function, source))
            depends = method or (function is not None and any(_parameters(function)))
            yield Route(whole, source, line, asks, depends)

    def _router_prefix(self, place: Place | None) -> str | None:
        """Read a router's own prefix; None where it is computed, or where this is no router."""
        value = place.source.values.get(place.name) if place else None
        if place is None or not called(value).endswith("Router"):
            return None
        return self._prefix(value, place.source)

    def _prefix(self, call: ast.expr | None, source: Source) -> str | None:
        """Read the prefix that a call is given; None where it is computed."""
        given = argument(call, "prefix") if isinstance(call, ast.Call) else None
        return self._text(given, source) if given is not None else ""

    def _text(self, given: ast.expr | None, source: Source) -> str | None:
        """Read a text: a literal, a constant, or the only default of a setting of that name."""
        if isinstance(given, ast.JoinedStr):
            parts = [
                self._text(one.value if isinstance(one, ast.FormattedValue) else one, source)
                for one in given.values
            ]
            return "".join(filter(None, parts)) if None not in parts else None
        if isinstance(given, (ast.Name, ast.Attribute)) and (
            place := definition(given, source, self.sources)
        ):
            return literal(place.source.values.get(place.name))
        if isinstance(given, ast.Attribute):
            found = self._defaults.get(given.attr, set())
            return next(iter(found)) if len(found) == 1 else None
        return literal(given)

    @cached_property
    def _defaults(self) -> dict[str, set[str | None]]:
        """What the classes of the project set their attributes to: settings among others."""
        found: dict[str, set[str | None]] = {}
        for source in self.sources:
            for node in source.statements:
                for inner in node.body if isinstance(node, ast.ClassDef) else []:
                    for name, value in assigned(inner):
                        found.setdefault(name, set()).add(literal(value))
        return found

    def _function(self, given: ast.expr | None, source: Source) -> Function | None:
        place = definition(given, source, self.sources) if given else None
        return place.source.functions.get(place.name) if place else None

    def _guarded(self, call: ast.Call, source: Source) -> bool:
        """Tell whether `dependencies=[...]` may ask something of the client."""
        given = argument(call, "dependencies")
        if given is None:
            return False
        if not isinstance(given, (ast.List, ast.Tuple)):
            return True
        return any(self._dependency_asks(one, source, DEEPEST_DEPENDENCY) for one in given.elts)

    def _asks(self, function: Function, source: Source, depth: int = DEEPEST_DEPENDENCY) -> bool:
        """Tell whether a function requires a parameter of its clients."""
        return any(
            self._parameter_asks(annotation, default, source, depth)
            for annotation, default in _parameters(function)
        )

    def _parameter_asks(
        self, annotation: ast.expr | None, default: ast.expr | None, source: Source, depth: int
    ) -> bool:
        if called(default) in DEPENDING:
            return self._dependency_asks(default, source, depth)
        if called(default) in ASKING and isinstance(default, ast.Call):
            first = argument(default, "default", 0)
            return (first is None and argument(default, "default_factory") is None) or (
                isinstance(first, ast.Constant) and first.value is ...
            )
        for part in self._annotated(annotation, source):
            if called(part[0]) in DEPENDING:
                return self._dependency_asks(part[0], part[1], depth)
            if called(part[0]) in ASKING:
                return default is None
        return default is None

    def _annotated(
        self, annotation: ast.expr | None, source: Source
    ) -> Iterator[tuple[ast.expr, Source]]:
        """Give what `Annotated[...]` adds to a type, also behind a name: `Session = Annotated[...]`."""
        if isinstance(annotation, (ast.Name, ast.Attribute)):
            place = definition(annotation, source, self.sources)
            if place and place.name in place.source.values:
                annotation, source = place.source.values[place.name], place.source
        if not isinstance(annotation, ast.Subscript) or not isinstance(annotation.slice, ast.Tuple):
            return
        kind = getattr(annotation.value, "id", getattr(annotation.value, "attr", ""))
        for part in annotation.slice.elts[1:] if kind == "Annotated" else []:
            yield part, source

    def _dependency_asks(self, given: ast.expr | None, source: Source, depth: int) -> bool:
        """Tell whether a dependency may ask something; what cannot be read may."""
        if not isinstance(given, ast.Call) or not depth:
            return True
        function = self._function(argument(given, "dependency", 0), source)
        place = definition(given.args[0], source, self.sources) if given.args else None
        if function is None or place is None:
            return True
        return self._asks(function, place.source, depth - 1)


def _is_get(call: ast.Call) -> bool:
    """Tell whether the methods are the default or have GET among them."""
    methods = argument(call, "methods")
    elements = methods.elts if isinstance(methods, (ast.List, ast.Tuple, ast.Set)) else []
    return methods is None or any(literal(one) == "GET" for one in elements)


def _parameters(function: Function) -> Iterator[tuple[ast.expr | None, ast.expr | None]]:
    """Give annotation and default of each parameter that is not the framework's own."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    missing = [None] * (len(positional) - len(arguments.defaults))
    defaults = [*missing, *arguments.defaults, *arguments.kw_defaults]
    for parameter, default in zip([*positional, *arguments.kwonlyargs], defaults, strict=True):
        kind = getattr(parameter.annotation, "id", getattr(parameter.annotation, "attr", ""))
        if kind not in SUPPLIED and parameter.arg not in {"self", "request"}:
            yield parameter.annotation, default
