"""Reads what the code tells beside its applications: the port, and what nginx must know."""

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from generator.detect.findings import Finding
from generator.detect.sources import Source, called


def port(root: Path, sources: Sequence[Source]) -> Iterator[Finding]:
    """Find the port: in the call that runs the server, then in the command line of a file."""
    for source in sources:
        for call in source.calls:
            if called(call) != "run":
                continue
            for keyword in call.keywords:
                value = keyword.value
                number = value.value if isinstance(value, ast.Constant) else None
                if keyword.arg == "port" and isinstance(number, int) and 0 < number < 65536:
                    yield Finding("app_port", number, source.relative, value.lineno)
                    return
    for name in ("Procfile", "Dockerfile"):
        path = root / name
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        if match := re.search(r"--port[\"', =]+(\d{2,5})\b", text):
            yield Finding("app_port", int(match[1]), name, text.count("\n", 0, match.start()) + 1)
            return


def notes(sources: Sequence[Source]) -> list[str]:
    """Tell what matters to nginx and is no answer."""
    return [*_websockets(sources), *_static(sources)]


def _websockets(sources: Sequence[Source]) -> Iterator[str]:
    for source in sources:
        for call in source.calls:
            if isinstance(call.func, ast.Attribute) and call.func.attr == "websocket":
                yield f"WebSocket at {source.relative}:{call.lineno}: nginx passes it on"
                return


def _static(sources: Sequence[Source]) -> Iterator[str]:
    for source in sources:
        for call in source.calls:
            if called(call) == "mount" and any(called(one) == "StaticFiles" for one in call.args):
                first = call.args[0]
                path = str(first.value) if isinstance(first, ast.Constant) else "?"
                yield (
                    f"static files under {path} at {source.relative}:{call.lineno}: "
                    "nginx can serve them from deploy/nginx/static"
                )
                return
