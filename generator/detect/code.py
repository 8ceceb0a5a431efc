"""Reads what the code tells beside its routes: the port, and what nginx must know."""

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from generator.detect.dependencies import text_of
from generator.detect.findings import Application, Finding
from generator.detect.sources import Source, argument, called, literal

RUNNING = frozenset({"run", "Config", "Granian"})
"""Calls that are given the port: `uvicorn.run`, `uvicorn.Config`, `granian.Granian`."""
WEBSOCKETS = frozenset(
    {"websocket", "websocket_route", "add_websocket_route", "add_api_websocket_route"}
)
MOUNTED_WEBSOCKETS = frozenset({"WebSocketRoute", "APIWebSocketRoute", "AsyncServer"})
PORT = re.compile(r"(?:--port|--bind|(?<!\S)-b)[\"', =]+(?:[\w.*\[\]:]*:)?(\d{2,5})\b")
EXPOSED = re.compile(r"(?m)^EXPOSE[ \t]+(.*)$")


def port(
    application: Application, folders: Sequence[Path], sources: Sequence[Source], root: Path
) -> Iterator[Finding]:
    """Find the port: in the call that runs the server, then in the command line of a file."""
    yield from list(_called(application, sources) or _commanded(folders, root))[:1]


def notes(sources: Sequence[Source], root: Path) -> list[str]:
    """Tell what matters to nginx and is no answer."""
    return [*_websockets(sources), *_static(sources, root)]


def _called(application: Application, sources: Sequence[Source]) -> list[Finding]:
    """Look at the application's own file first, then at its neighbours."""
    own = Path(application.path).parent
    nearest = sorted(
        sources,
        key=lambda one: (
            one.relative != application.path,
            not Path(one.relative).is_relative_to(own),
        ),
    )
    found = []
    for source in nearest:
        for call in source.calls:
            number = _number(argument(call, "port")) if called(call) in RUNNING else None
            if number and _runs_a_server(call, source):
                found.append(Finding("app_port", number, source.relative, call.lineno))
    return found


def _runs_a_server(call: ast.Call, source: Source) -> bool:
    owner = call.func.value if isinstance(call.func, ast.Attribute) else call.func
    name = getattr(owner, "id", "")
    known = source.imports.get(name)
    servers = {"uvicorn", "granian", "hypercorn"}
    return name in servers or bool(known and servers & {*known.parts, known.name})


def _number(node: ast.expr | None) -> int | None:
    """Read a literal port, also as the default of a variable: `int(os.getenv("PORT", 8000))`."""
    if isinstance(node, ast.Call):
        inner = {"int": 0, "getenv": 1, "get": 1}.get(called(node))
        return _number(argument(node, "default", inner)) if inner is not None else None
    value = node.value if isinstance(node, ast.Constant) else None
    text = str(value) if not isinstance(value, bool) else ""
    return int(text) if text.isdecimal() and 0 < int(text) < 65536 else None


def _commanded(folders: Sequence[Path], root: Path) -> Iterator[Finding]:
    names = [folder / name for folder in folders for name in ("Procfile", "Dockerfile")]
    for path in [*names, root / "docker" / "Dockerfile"]:
        text = text_of(path)
        match = PORT.search(text) or _exposed(text)
        if match:
            line = text.count("\n", 0, match.start()) + 1
            number = int(match[1]) if match[1].isdecimal() else _variable(match[1], text)
            if 0 < number < 65536:
                yield Finding("app_port", number, path.relative_to(root).as_posix(), line)


def _exposed(text: str) -> re.Match[str] | None:
    """Find the one port that the image exposes; two may be of two services."""
    found: dict[str, re.Match[str]] = {}
    for match in EXPOSED.finditer(text):
        found.setdefault(match[1].removesuffix("/tcp").strip(), match)
    single = [match for value, match in found.items() if re.fullmatch(r"\d+|\$\{?\w+\}?", value)]
    return single[0] if len(found) == len(single) == 1 else None


def _variable(reference: str, text: str) -> int:
    """Read `ENV NAME=8000`; 0 where it is not there."""
    name = re.sub(r"\W", "", reference.removesuffix("/tcp"))
    match = re.search(rf"(?m)^(?:ENV|ARG)[ \t].*?\b{name}[= ]+\"?(\d{{2,5}})\b", text)
    return int(match[1]) if match else int(name) if name.isdecimal() else 0


def _websockets(sources: Sequence[Source]) -> Iterator[str]:
    for source in sources:
        for call in source.calls:
            named = isinstance(call.func, ast.Attribute) and call.func.attr in WEBSOCKETS
            if named or called(call) in MOUNTED_WEBSOCKETS:
                yield f"WebSocket at {source.relative}:{call.lineno}: nginx passes it on"
                return


def _static(sources: Sequence[Source], root: Path) -> Iterator[str]:
    for source in sources:
        for call in source.calls:
            files = argument(call, "app", 1) if called(call) in {"mount", "Mount"} else None
            if not isinstance(files, ast.Call) or not called(files).endswith("StaticFiles"):
                continue
            path = literal(argument(call, "path", 0))
            under = f"under {path}" if path is not None else "under a computed path"
            folder = literal(argument(files, "directory", 0))
            yield (
                f"static files {under} at {source.relative}:{call.lineno}: "
                "nginx can serve them from deploy/nginx/static"
            )
            if folder and not folder.startswith("/") and not (root / folder).is_dir():
                yield (
                    f"the folder `{folder}` at {source.relative}:{files.lineno} is not in the "
                    "project's own folder, where the generated files start the service"
                )
