"""What other generators render, each beside our service on SQLAlchemy on the nearest routes.

Nothing is changed in the files that they render. What was needed to start them is in `NOTES`.
"""

import os
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
import uuid
from collections.abc import Mapping
from pathlib import Path

import pytest
from databases import DatabaseServer
from harness import environment_with
from report import versions

from .launch import PORT, Contender, turn, variables
from .ours import INSTRUMENTATOR, PROGRAMS, RENDERED, ROW, ROWS, Rendered

TEMPLATE = "fastapi_template"
FULLSTACK = "fastapi-fullstack"
RELEASES = {TEMPLATE: "6.1.2", FULLSTACK: "0.2.21"}
NOTES = {
    TEMPLATE: (
        "Its bound on prometheus-fastapi-instrumentator (below 8) makes every route answer 500 with"
        " the FastAPI that it takes, so 8 is installed; it wants Python 3.12 and runs on the"
        " Python of all others. gunicorn with one worker and access log, as `python -m demo` starts it."
    ),
    FULLSTACK: (
        "Without AI, Redis and log-in: its log-in (a token and a query for each request) has no"
        " counterpart in ours and is switched off by a wrapper. uvicorn with one worker and access"
        " log, as its production compose file starts it."
    ),
}
PACKAGES = ("fastapi", "uvicorn", "sqlalchemy", "asyncpg", "prometheus-fastapi-instrumentator")
PROJECT = "demo"
PAGE = 10
"""Rows of a list, in both."""
KEY = "a-key-of-this-benchmark-and-of-nothing-else"

Pairs = dict[str, dict[str, Contender]]
"""By route: the rival and the rendered service."""


def pairs(
    folder: Path, database: DatabaseServer, service: Rendered
) -> tuple[Pairs, dict[str, str]]:
    """Render and try every rival; the reasons of those that cannot be had or do not start."""
    found: Pairs = {}
    missing = {}
    for name, prepare in ((TEMPLATE, _template), (FULLSTACK, _fullstack)):
        place = folder / name
        place.mkdir()
        try:
            routes = prepare(place, database, service)
            for rival_and_ours in routes.values():
                turn(rival_and_ours[name], 1)
        except (Exception, pytest.fail.Exception) as error:
            missing[name] = _reason(error)
        else:
            found |= routes
    return found, missing


def _reason(error: BaseException) -> str:
    """Say why in a line that names no place of this machine; the whole goes to the terminal."""
    print(error, file=sys.stderr)  # noqa: T201 - a benchmark tells
    line = re.sub(r"\S*/\S+", "...", " ".join(str(error).split()))
    return textwrap.shorten(f"{type(error).__name__}: {line}", 300)


def _template(folder: Path, database: DatabaseServer, service: Rendered) -> Pairs:
    flags = ["--quiet", "--force", "--api-type", "rest", "--db", "postgresql"]
    flags += ["--orm", "sqlalchemy", "--ci", "none"]
    flags += ["--prometheus", "--migrations", "--dummy", "--routers", "--gunicorn"]
    # It commits what it has rendered.
    person = {
        f"GIT_{who}_{what}": "bench"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    _generate(TEMPLATE, ["--name", PROJECT, *flags], folder, person)
    made = folder / PROJECT
    python = _environment(made, {"prometheus-fastapi-instrumentator": INSTRUMENTATOR})
    database.execute("CREATE DATABASE template")
    environment = variables(
        {
            "DEMO_ENVIRONMENT": "production",
            "DEMO_PORT": PORT,
            "DEMO_PROMETHEUS_DIR": str(folder / "metrics"),
            "DEMO_DB_HOST": "127.0.0.1",
            "DEMO_DB_PORT": str(database.port),
            "DEMO_DB_USER": database.user,
            "DEMO_DB_BASE": "template",
        }
    )
    _migrate(python, made, environment | {"DEMO_PORT": "1"})
    _insert(database, "template")

    def contender(path: str) -> Contender:
        return Contender(path, [str(python), "-m", PROJECT], made, environment)

    return {
        f"{TEMPLATE}: {PAGE} rows of a list": {
            TEMPLATE: contender(f"/api/dummy/?limit={PAGE}"),
            RENDERED: service.contender(f"/products?limit={PAGE}"),
        },
        f"{TEMPLATE}: health": {
            TEMPLATE: contender("/api/health"),
            RENDERED: service.contender("/livez"),
        },
    }


def _fullstack(folder: Path, database: DatabaseServer, service: Rendered) -> Pairs:
    flags = ["--database", "postgresql", "--orm", "sqlalchemy", "--example-resource"]
    flags += ["--frontend", "none", "--ai-framework", "none", "--reverse-proxy", "none"]
    flags += ["--ci", "none", "--no-logfire", "--prometheus"]
    _generate(FULLSTACK, ["create", PROJECT, "--output", str(folder), *flags], folder, {})
    made = folder / PROJECT / "backend"
    shutil.copy(PROGRAMS / "fullstack_without_login.py", made)
    python = _environment(made, {})
    database.execute("CREATE DATABASE fullstack")
    user, item = uuid.UUID(int=1), uuid.UUID(int=777)
    environment = variables(
        {
            "ENVIRONMENT": "production",
            "SECRET_KEY": KEY,
            "API_KEY": KEY,
            "POSTGRES_HOST": "127.0.0.1",
            "POSTGRES_PORT": str(database.port),
            "POSTGRES_USER": database.user,
            "POSTGRES_DB": "fullstack",
            "BENCH_USER": str(user),
        }
    )
    _migrate(python, made, environment)
    _insert(database, "fullstack", user=user)

    def contender(path: str) -> Contender:
        command = [str(python), "-m", "uvicorn", "fullstack_without_login:app", "--port", PORT]
        return Contender(f"/api/v1{path}", command, made, environment)

    return {
        f"{FULLSTACK}: one row by its key": {
            FULLSTACK: contender(f"/items/{item}"),
            RENDERED: service.contender(ROW),
        },
        f"{FULLSTACK}: {PAGE} rows of a list with their number": {
            FULLSTACK: contender(f"/items?limit={PAGE}"),
            RENDERED: service.contender(f"/products/numbered?limit={PAGE}"),
        },
        f"{FULLSTACK}: health": {
            FULLSTACK: contender("/health"),
            RENDERED: service.contender("/livez"),
        },
    }


def _generate(name: str, arguments: list[str], folder: Path, extra: Mapping[str, str]) -> None:
    """Run a generator, in an environment of its own; nothing is installed by what it runs then."""
    # The first needs setuptools' `pkg_resources` and does not say so.
    python = environment_with([f"{name}=={RELEASES[name]}", "setuptools<81"])
    tools = folder / "tools"
    tools.mkdir()
    (tools / "uv").symlink_to(shutil.which("true") or "/bin/true")
    path = os.pathsep.join([str(tools), str(python.parent), os.defpath])
    done = subprocess.run(
        [python.parent / name, *arguments],
        cwd=folder,
        env=os.environ | extra | {"PATH": path, "HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or not (folder / PROJECT).is_dir():
        raise RuntimeError(f"it rendered nothing: {done.stdout[-1000:]}{done.stderr[-1000:]}")


def _environment(made: Path, instead: Mapping[str, str]) -> Path:
    """Build the environment of a rendered project, with other requirements where its own fail."""
    manifest = tomllib.loads((made / "pyproject.toml").read_text("utf-8"))
    wanted = manifest["project"]["dependencies"]
    replaced = [
        next((ours for name, ours in instead.items() if one.startswith(name)), one)
        for one in wanted
    ]
    return environment_with(sorted(replaced))


def _migrate(python: Path, made: Path, environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        [python, "-m", "alembic", "upgrade", "head"],
        cwd=made,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"its migrations fail: {done.stderr[-1000:]}")


def _insert(database: DatabaseServer, name: str, **values: object) -> None:
    """Fill the database `name` by the statement of that name."""
    statement = (Path(__file__).parent / "rows" / f"{name}.sql").read_text("utf-8")
    with database.connect(database.port, name) as connection, connection.cursor() as cursor:
        cursor.execute(statement, {"rows": ROWS} | values)
        cursor.execute("ANALYZE")


def versions_of(found: Pairs) -> list[str]:
    """Say on what each rival runs, and what was needed."""
    pythons = {
        name: Path(one.command[0])
        for contenders in found.values()
        for name, one in contenders.items()
        if name in RELEASES
    }
    return [
        f"{name} {RELEASES[name]}: {versions(*PACKAGES, python=python)} {NOTES[name]}"
        for name, python in pythons.items()
    ]
