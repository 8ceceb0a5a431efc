"""What is rendered here, and the bare programs beside it: one row of one table."""

import shutil
import tomllib
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from databases import DatabaseServer
from harness import Project, describe, environment_with, project, render, requirements_of
from machine import ALL, SERVER
from report import versions

from .launch import PORT, Contender, variables

ROWS = 1_000
"""In each table."""
ROW = "/products/777"
PROGRAMS = Path(__file__).parent / "programs"
INSTRUMENTATOR = "prometheus-fastapi-instrumentator>=8.1,<9"
UVICORN = ("--loop", "uvloop", "--http", "httptools", "--port", PORT)
NO_LOG = "--no-access-log"
BARE = "bare FastAPI, defaults"
TUNED = "bare FastAPI, tuned"
RENDERED = "rendered service"
RECIPE = "blog-post recipe"
PACKAGES = {
    "uvicorn": ("uvicorn",),
    "gunicorn": ("gunicorn", "uvicorn", "uvicorn-worker"),
    "granian": ("granian",),
}
SERVERS = tuple(PACKAGES)
WORKERS = (1, 2, 4)


@dataclass(frozen=True)
class Rendered:
    """A rendered project with its database."""

    project: Project

    def contender(self, path: str, *, workers: int = 1, processors: Set[int] = SERVER) -> Contender:
        """Start it as its README says, with that many workers."""
        own = {"APP_SERVER__PORT": PORT, "WEB_CONCURRENCY": str(workers)}
        command = [str(self.project.python), "-m", "app"]
        environment = variables(self.project.environment, own)
        return Contender(path, command, self.project.path, environment, workers, processors)

    @property
    def connections(self) -> int:
        """How many connections its plan gives to one worker in production."""
        text = (self.project.path / "app/environments/production.toml").read_text("utf-8")
        database = tomllib.loads(text)["database"]
        return int(database["pool_size"]) + int(database["max_overflow"])


def production(database: DatabaseServer, name: str) -> Mapping[str, str]:
    """Give the variables of a service in production on the database `name`."""
    return {"APP_DATABASE__URL": database.url(name), "APP_ENVIRONMENT": "production"}


def pool(folder: Path, database: DatabaseServer, name: str) -> Rendered:
    """Render the service on a plain pool, in an environment that the programs can use too."""
    path = render(folder / "pool", db_driver="asyncpg", data_layer="asyncpg", cache="none")
    describe(path)
    python = environment_with([*requirements_of(path), INSTRUMENTATOR])
    return Rendered(Project(path, python, production(database, name)))


def sqlalchemy(folder: Path, database: DatabaseServer, name: str) -> Rendered:
    """Render the service on SQLAlchemy: what others render uses it too."""
    environment = production(database, name)
    return Rendered(project(folder / "orm", environment, db_driver="asyncpg", cache="none"))


def case(server: str, workers: int) -> str:
    """Name a contender of the comparison of servers."""
    return f"{server}, {workers}"


def with_each_server(
    folder: Path, database: DatabaseServer, name: str
) -> tuple[dict[str, Contender], str]:
    """Render the service on a plain pool for each server, each with some numbers of workers.

    The line says which versions they have.
    """
    found, told = {}, []
    for server in SERVERS:
        environment = production(database, name)
        made = project(
            folder / server,
            environment,
            db_driver="asyncpg",
            data_layer="asyncpg",
            cache="none",
            server=server,
        )
        told.append(versions(*PACKAGES[server], python=made.python))
        for workers in WORKERS:
            one = Rendered(made).contender(ROW, workers=workers, processors=ALL)
            found[case(server, workers)] = one
    return found, " ".join(told)


def row(
    folder: Path, service: Rendered, database: DatabaseServer, name: str
) -> dict[str, Contender]:
    """Give the programs that read one row, the rendered service among them."""
    programs = shutil.copytree(PROGRAMS, folder / "programs")
    shared = variables({"BENCH_DSN": database.url(name), "BENCH_POOL": str(service.connections)})

    def program(module: str, *options: str) -> Contender:
        command = [str(service.project.python), "-m", "uvicorn", f"{module}:app", *UVICORN]
        return Contender(ROW, [*command, *options], programs, shared)

    return {
        "bare ASGI": program("bare_asgi", NO_LOG),
        TUNED: program("tuned_fastapi", NO_LOG),
        BARE: program("bare_fastapi", NO_LOG),
        RENDERED: service.contender(ROW),
        RECIPE: program("recipe"),
    }
