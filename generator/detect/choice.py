"""Takes one of the applications, and tells which of its routes is asked for what."""

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from generator.detect.findings import Application, Detected, Finding
from generator.detect.manifests import entrypoint
from generator.detect.routes import Route, Routes
from generator.detect.sources import Source
from generator.errors import FastgenError

COMMAND_LINE = "the command line"
ALIVE = r"livez|live|liveness|health(?:z|[-_/]?check)?|heartbeat|ping"
HEALTH = re.compile(rf"(?:/[\w.~-]+)*/_*(?:{ALIVE})_*/?|/(?:status|alive|up)/?")
"""Below a prefix, `status` and the like may be about anything."""
LIVENESS = re.compile(r".*/(?:livez|live|liveness)/?")


def choose(
    detected: Detected, wanted: str | None, root: Path, directory: str | None = None
) -> Application:
    """Take the one application, or the one that is `wanted` (`module:name`, in `directory`)."""
    found = detected.applications
    if wanted:
        fitting = [one for one in found if one.target == wanted]
        there = [one for one in fitting if directory in {None, one.directory}]
        if len(there) > 1:
            raise SeveralApplicationsError(there)
        return there[0] if there else _named(wanted, detected.sources, directory)
    if not found:
        doubt = "".join(f"{one}; " for one in unread(detected))
        raise FastgenError(
            f"no FastAPI or Starlette application in {detected.files} Python files of `{root}`",
            f"{doubt}looked for `app = FastAPI(...)` and functions that return one; "
            "name it with `--app-path module:name`, or the folder with `--project DIR`",
        )
    best = [application for application in found if application.name in {"app", "application"}]
    declared = entrypoint(root)
    best = [one for one in found if one.target == declared] or best or found
    if len(best) == 1:
        return best[0]
    raise SeveralApplicationsError(best)


class SeveralApplicationsError(FastgenError):
    """There is more than one candidate, and somebody has to choose."""

    def __init__(self, candidates: list[Application]) -> None:
        """Name the candidates and the flag."""
        self.candidates = candidates
        listed = ", ".join(f"{one.target} ({one.path}:{one.line})" for one in candidates)
        first = candidates[0]
        alike = sum(one.target == first.target for one in candidates) > 1
        flags = f"--app-path {first.target}" + (f" --app-dir {first.directory}" if alike else "")
        super().__init__(
            f"{len(candidates)} applications: {listed}", f"choose one, for example `{flags}`"
        )


def _named(wanted: str, sources: Sequence[Source], directory: str | None) -> Application:
    """Take what no search has found; the module's file tells the directory where it is certain."""
    module, _, name = wanted.partition(":")
    parts = tuple(module.split("."))
    files = [one for one in sources if one.parts[-len(parts) :] == parts]
    if len(files) == 1 and directory is None:
        above = "/".join(files[0].parts[: -len(parts)]) or "."
        return Application(module, name, above, name in files[0].functions, files[0].relative, 0)
    return Application(module, name, directory or ".", False, COMMAND_LINE, 0)


def unread(detected: Detected) -> Iterator[str]:
    """Tell of files whose Python is newer than this one, or broken."""
    if detected.unread:
        version = f"Python {sys.version_info.major}.{sys.version_info.minor}"
        count = f" and {len(detected.unread) - 1} more" if len(detected.unread) > 1 else ""
        yield f"{detected.unread[0]}{count} could not be parsed by {version}"


def routes_of(detected: Detected, application: Application) -> list[Route]:
    """List the GET routes of the application whose paths are certain."""
    return list(Routes(application, detected.applications, detected.sources).all())


def health(routes: Sequence[Route]) -> tuple[list[Finding], list[str]]:
    """Find the path that tells whether the process works: best one that uses nothing else."""
    found = [route for route in routes if HEALTH.fullmatch(route.path) and not _unfit(route.path)]
    if not found:
        return [], []
    best = min(found, key=lambda one: (one.asks, one.depends, not LIVENESS.match(one.path)))
    place = Finding("health_path", best.path, best.source.relative, best.line)
    doubt = f"{best.path} ({place.place}) has parameters: if it fails with a database, say, so does"
    return [place], [f"{doubt} the liveness of the service"] if best.depends else []


def load_paths(routes: Sequence[Route], application: Application) -> Iterator[Finding]:
    """Find what a load test can ask without knowing anything."""
    fitting = dict.fromkeys(one.path for one in routes if not one.asks and not _unfit(one.path))
    if fitting:
        yield Finding("load_paths", " ".join(fitting), application.path, application.line)


def _unfit(path: str) -> bool:
    """Tell whether the template's questions refuse the path."""
    return not re.fullmatch(r"/[A-Za-z0-9/_.~-]*", path)
