"""Takes one of the applications, and tells what follows from it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from generator.detect.findings import Application, Detected, Finding
from generator.detect.sources import Source, parse
from generator.errors import FastgenError

HEALTH = re.compile(r"/(?:livez|healthz?|health[-_/]?check|health|ping|status|alive|up)/?")


def choose(detected: Detected, wanted: str | None, root: Path) -> Application:
    """Take the one application, or the one that is `wanted` (`module:name`)."""
    found = detected.applications
    if wanted:
        for application in found:
            if application.target == wanted:
                return application
        module, _, name = wanted.partition(":")
        return Application(module, name, ".", False, "the command line", 0)
    if not found:
        raise FastgenError(
            f"no FastAPI or Starlette application in {detected.files} Python files of `{root}`",
            "looked for `app = FastAPI(...)` and functions that return one; "
            "name it with `--app-path module:name`, or the folder with `--project DIR`",
        )
    best = [application for application in found if application.name in {"app", "application"}]
    if len(best or found) == 1:
        return (best or found)[0]
    raise SeveralApplicationsError(best or found)


class SeveralApplicationsError(FastgenError):
    """There is more than one candidate, and somebody has to choose."""

    def __init__(self, candidates: list[Application]) -> None:
        """Name the candidates and the flag."""
        self.candidates = candidates
        listed = ", ".join(f"{one.target} ({one.path}:{one.line})" for one in candidates)
        super().__init__(
            f"{len(candidates)} applications: {listed}",
            f"choose one, for example `--app-path {candidates[0].target}`",
        )


def about(application: Application, root: Path) -> list[Finding]:
    """Give what follows from the choice of the application."""
    path, line = application.path, application.line
    found = [
        Finding("app_path", application.target, path, line),
        Finding("app_dir", application.directory, path, line),
        Finding("app_factory", application.factory, path, line),
    ]
    file = root / path
    if file.is_file():
        found += _health(Source(file, parse(file) or ast.Module([], []), root), application)
    return found


def _health(source: Source, application: Application) -> Iterator[Finding]:
    """Find a health route of the application object itself: its path is known for sure."""
    for node in ast.walk(source.tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for decorator in node.decorator_list:
            path = _route(decorator, application.name)
            if path and HEALTH.fullmatch(path):
                yield Finding("health_path", path, source.relative, decorator.lineno)
                return


def _route(decorator: ast.expr, application: str) -> str:
    if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Attribute):
        return ""
    owner = decorator.func.value
    if decorator.func.attr != "get" or getattr(owner, "id", "") != application:
        return ""
    first = decorator.args[0] if decorator.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
