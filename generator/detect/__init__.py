"""Reads a FastAPI or Starlette project that fastgen did not make, without importing its code."""

import ast
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from generator.errors import FastgenError

SKIPPED = frozenset(
    (
        *("__pycache__", "build", "dist", "docs", "docs_src", "examples", "migrations"),
        *("node_modules", "site-packages", "test", "tests", "venv", "env", "alembic"),
    )
)
"""Folders that hold no application of the project; hidden folders are skipped too."""
MOST_FILES = 5000
APPLICATIONS = frozenset({"FastAPI", "Starlette"})
HEALTH = re.compile(r"/(?:livez|healthz?|health[-_/]?check|health|ping|status|alive|up)/?")
LOCKS = {
    "uv.lock": "uv",
    "poetry.lock": "poetry",
    "pdm.lock": "pdm",
    "Pipfile.lock": "pipenv",
    "requirements.txt": "requirements",
    "pyproject.toml": "pyproject",
}
"""File -> package manager; the first that is there counts."""
DRIVERS = ("asyncpg", "psycopg", "asyncmy", "aiomysql", "aiosqlite")
PYTHONS = ("3.13", "3.14", "3.12", "3.11")
"""Versions of the image, the preferred one first."""


@dataclass(frozen=True)
class Finding:
    """One detected answer and the place that it was read from."""

    key: str
    value: Any
    path: str
    line: int = 1

    @property
    def place(self) -> str:
        """Where it was read, as editors understand it."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Application:
    """An application object, or a function that makes one."""

    module: str
    name: str
    directory: str
    """What modules are imported from, relative to the project."""
    factory: bool
    path: str
    line: int

    @property
    def target(self) -> str:
        """How servers name it: `module:name`."""
        return f"{self.module}:{self.name}"


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


@dataclass(frozen=True)
class Known:
    """What in this project gives an application: functions that return one, attributes that hold one."""

    makers: frozenset[str]
    attributes: frozenset[str]

    def gives(self, value: ast.expr | None) -> bool:
        """Tell whether an expression is an application."""
        if isinstance(value, ast.Attribute):
            return value.attr in self.attributes
        return _called(value) in APPLICATIONS | self.makers


@dataclass
class Detected:
    """What was found in a project."""

    applications: list[Application] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: int = 0

    def answers(self) -> dict[str, Any]:
        """Give the detected answers by question."""
        return {finding.key: finding.value for finding in self.findings}


def detect(root: Path) -> Detected:
    """Read the project in `root`."""
    sources = list(_sources(root))
    known = Known(
        frozenset(name for source in sources for name in _factories(source)),
        frozenset(name for source in sources for name in _attributes(source)),
    )
    applications = [found for source in sources for found in _applications(source, known)]
    objects = [found for found in applications if not found.factory]
    dependencies = _dependencies(root)
    detected = Detected(objects or applications, files=len(sources))
    detected.findings = [
        *_manager(root),
        *_python(root),
        *_port(root, sources),
        *_driver(dependencies),
        *_server(dependencies),
        *_name(root),
    ]
    detected.notes = [*_websockets(sources), *_static(sources)]
    return detected


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
        found += _health(Source(file, _parse(file) or ast.Module([], []), root), application)
    return found


def _sources(root: Path) -> Iterator[Source]:
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
            if (tree := _parse(path)) is not None:
                yield Source(path, tree, root)


def _parse(path: Path) -> ast.Module | None:
    """Parse a file; None for what is no Python of ours (another version, another encoding)."""
    try:
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None


def _called(node: ast.AST | None) -> str:
    """Name what an expression calls: `FastAPI(...)`, `fastapi.FastAPI(...)`."""
    if not isinstance(node, ast.Call):
        return ""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _attributes(source: Source) -> Iterator[str]:
    """Name the attributes that hold an application: `self.app = FastAPI(...)`."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Assign) and _called(node.value) in APPLICATIONS:
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
        if isinstance(inner, ast.Assign) and _called(inner.value) in APPLICATIONS
        for target in inner.targets
        if isinstance(target, ast.Name)
    }
    given = [inner.value for inner in ast.walk(node) if isinstance(inner, ast.Return)]
    return any(
        _called(value) in APPLICATIONS or (isinstance(value, ast.Name) and value.id in made)
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


def _manager(root: Path) -> Iterator[Finding]:
    for name, manager in LOCKS.items():
        if (root / name).is_file():
            yield Finding("package_manager", manager, name)
            return


def _project_table(root: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return {}


def _python(root: Path) -> Iterator[Finding]:
    pinned = root / ".python-version"
    if pinned.is_file():
        match = re.search(r"3\.\d+", pinned.read_text(encoding="utf-8", errors="replace"))
        if match and match[0] in PYTHONS:
            yield Finding("python_version", match[0], ".python-version")
            return
    table = _project_table(root)
    poetry = table.get("tool", {}).get("poetry", {}).get("dependencies", {})
    required = str(table.get("project", {}).get("requires-python") or poetry.get("python") or "")
    fitting = [version for version in PYTHONS if required and _allows(required, version)]
    if fitting:
        line = _line_of(root / "pyproject.toml", required)
        yield Finding("python_version", fitting[0], "pyproject.toml", line)


def _allows(required: str, version: str) -> bool:
    """Compare minor versions alone: `>=3.11,<3.14`, `^3.11`, `~=3.12`, `3.12.*`."""
    minor = int(version.split(".")[1])
    for operator, bound in re.findall(r"([<>=!~^]*)\s*3\.(\d+)", required):
        limit = int(bound)
        upper = {"<": minor < limit, "<=": minor <= limit, "!=": minor != limit}
        exact = operator in {"==", ""}
        if not upper.get(operator, minor == limit if exact else minor >= limit):
            return False
    return True


def _port(root: Path, sources: list[Source]) -> Iterator[Finding]:
    for source in sources:
        for call in source.calls:
            if _called(call) != "run":
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


def _dependencies(root: Path) -> dict[str, tuple[str, int]]:
    """Read the direct dependencies: name -> file and line."""
    found: dict[str, tuple[str, int]] = {}
    for path in [*sorted(root.glob("requirements*.txt")), *sorted(root.glob("requirements/*.txt"))]:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        for number, line in enumerate(lines, 1):
            _add(found, line, path.relative_to(root).as_posix(), number)
    table = _project_table(root)
    project, poetry = table.get("project", {}), table.get("tool", {}).get("poetry", {})
    names = [*project.get("dependencies", []), *poetry.get("dependencies", {})]
    for value in poetry.get("dependencies", {}).items():
        extras = value[1].get("extras", []) if isinstance(value[1], dict) else []
        names += [f"{value[0]}[{extra}]" for extra in extras]
    for name in names:
        _add(found, str(name), "pyproject.toml", _line_of(root / "pyproject.toml", str(name)))
    return found


def _add(found: dict[str, tuple[str, int]], text: str, path: str, line: int) -> None:
    match = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^]]*\])?", text)
    if match and not text.lstrip().startswith(("#", "-")):
        name = re.sub(r"[-_.]+", "-", match[1]).lower()
        found.setdefault(name, (path, line))
        if match[2]:
            found.setdefault(name + match[2].replace(" ", ""), (path, line))


def _line_of(path: Path, text: str) -> int:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((number for number, line in enumerate(lines, 1) if text in line), 1)


def _driver(dependencies: Mapping[str, tuple[str, int]]) -> Iterator[Finding]:
    known = {
        **{name: name for name in DRIVERS},
        "psycopg2": "psycopg",
        "psycopg2-binary": "psycopg",
    }
    for name, driver in known.items():
        if name in dependencies:
            yield Finding("db_driver", driver, *dependencies[name])
            return
    yield Finding("db_driver", "none", "no database driver among the dependencies", 0)


def _server(dependencies: Mapping[str, tuple[str, int]]) -> Iterator[Finding]:
    """Tell whether the image needs a server of its own: the command is uvicorn's."""
    with_uvicorn = re.compile(r"uvicorn|fastapi\[.*(standard|all).*\]")
    name = next((name for name in dependencies if with_uvicorn.fullmatch(name)), None)
    if name:
        yield Finding("add_server", False, *dependencies[name])
    elif dependencies:
        yield Finding("add_server", True, "uvicorn is not among the dependencies", 0)


def _name(root: Path) -> Iterator[Finding]:
    table = _project_table(root)
    poetry = table.get("tool", {}).get("poetry", {})
    given = table.get("project", {}).get("name") or poetry.get("name")
    name = re.sub(r"[^a-z0-9]+", "-", str(given or root.resolve().name).lower()).strip("-")[:50]
    name = name.strip("-")
    if re.match(r"[a-z]", name):
        place = "pyproject.toml" if given else "the folder's name"
        yield Finding("project_name", name, place, 1 if given else 0)


def _websockets(sources: list[Source]) -> Iterator[str]:
    for source in sources:
        for call in source.calls:
            if isinstance(call.func, ast.Attribute) and call.func.attr == "websocket":
                yield f"WebSocket at {source.relative}:{call.lineno}: nginx passes it on"
                return


def _static(sources: list[Source]) -> Iterator[str]:
    for source in sources:
        for call in source.calls:
            if _called(call) == "mount" and any(_called(one) == "StaticFiles" for one in call.args):
                first = call.args[0]
                path = str(first.value) if isinstance(first, ast.Constant) else "?"
                yield (
                    f"static files under {path} at {source.relative}:{call.lineno}: "
                    "nginx can serve them from deploy/nginx/static"
                )
                return
