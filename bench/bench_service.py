"""The rendered service beside bare programs, a tutorial's recipe, other generators and servers.

`make bench` installs what this needs of Python and runs it; PostgreSQL's binaries and `wrk` must be there,
and `h2load` for HTTP/2.
Every turn starts one contender, puts load on it and stops it; contenders take turns. Results of a run that
is shorter than the defaults are printed and not published. `--edge` measures behind the rendered nginx.
"""

import argparse
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench_data import fill
from contenders import chart, edge, figures, ours, rivals
from contenders.launch import WARM_SECONDS, Contender, turn
from databases import DatabaseServer, postgresql
from machine import ALL, OTHERS, SERVER, pinned
from pressure import CONNECTIONS
from report import interleaved, publish, versions

SECONDS = 5
ROUNDS = 5
EDGE_SECONDS = 60
PARTS = ("row", "rivals", "servers")
DATABASE = "bench"
CHART = Path(__file__).with_name("service.svg")
TITLE = "Service"
COMMAND = "make bench"


@dataclass
class Results:
    """What was measured, by part."""

    row: figures.Turns = field(default_factory=dict)
    pairs: dict[str, figures.Turns] = field(default_factory=dict)
    servers: figures.Turns = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    """Why a rival is not there."""
    versions: str = ""
    server_versions: str = ""
    rival_versions: Sequence[str] = ()
    """What was compared, and what was needed."""


def turns_of(cases: Mapping[str, Contender], seconds: int, rounds: int) -> figures.Turns:
    """Let contenders take turns; a turn before shows that each works and compiles its bytecode."""
    for case in cases.values():
        turn(case, 1)
    return interleaved({name: partial(turn, case, seconds) for name, case in cases.items()}, rounds)


def measure(folder: Path, database: DatabaseServer, options: argparse.Namespace) -> Results:
    """Prepare and measure the chosen parts."""
    how = options.seconds, options.rounds
    results = Results()
    pool = ours.pool(folder, database, DATABASE)
    pool.project.run("app.migrate")
    fill(database, DATABASE, ours.ROWS)
    python = pool.project.python
    results.versions = versions("fastapi", "starlette", "uvicorn", "asyncpg", python=python)
    place(database, OTHERS)
    if "row" in options.only:
        results.row = turns_of(ours.row(folder, pool, database, DATABASE), *how)
    if "rivals" in options.only:
        service = ours.sqlalchemy(folder, database, DATABASE)
        pairs, results.missing = rivals.pairs(folder, database, service)
        results.rival_versions = rivals.versions_of(pairs)
        results.pairs = {route: turns_of(cases, *how) for route, cases in pairs.items()}
    if "servers" in options.only:
        cases, results.server_versions = ours.with_each_server(folder, database, DATABASE)
        place(database, ALL)
        results.servers = turns_of(cases, *how)
    return results


def place(database: DatabaseServer, processors: frozenset[int]) -> None:
    """Let the database answer new connections on these processors."""
    assert database.process is not None  # noqa: S101 - it runs
    os.sched_setaffinity(database.process.pid, processors)


def text(results: Results, load: float, options: argparse.Namespace) -> str:
    """The section of `bench/README.md`."""
    postgres = re.findall(r"[\d.]+", output("psql", "--version"))[0]
    parts = [
        f"{results.versions} PostgreSQL {postgres}, {ours.ROWS:,} rows in a table; wrk, {CONNECTIONS}"
        f" connections, {options.seconds} s after {WARM_SECONDS} s to warm up, {options.rounds} rounds, medians."
        f" Load of the machine before: {load:.1f} on {len(ALL)} processors; where it is above 0.5 the"
        " processor times count, not the rest.",
        "`us of the processor` is that of all processes of the service for one request. `start` is from the"
        " command to the first 200 of the route, with bytecode that is there already; beside it the processor"
        " time of that. `ratio` is that of the throughput.",
        f"### Goals\n\n{figures.goals(results.row, results.pairs)}",
    ]
    if options.published:
        parts.append(f"![Throughput and times of the contenders]({CHART.name})")
    return "\n\n".join([*parts, *sections(results)])


def sections(results: Results) -> list[str]:
    """The tables, each with what has to be known to read it."""
    parts = []
    alone = (
        f"The service has processor {listed(SERVER)} to itself; load generator and database share"
        f" {listed(OTHERS)}."
    )
    if results.row:
        note = (
            f"One worker on a pool of asyncpg. {alone} The rendered service has everything on that it has in"
            " production: metrics, a JSON line for each request, request id, timing, error handling, limits;"
            ' no cache, so that the database is read. The recipe: two `@app.middleware("http")`,'
            " prometheus-fastapi-instrumentator, GZipMiddleware, logging of the standard library, uvicorn's"
            " access log; the other programs log nothing."
        )
        parts.append(f"### One row by its key\n\n{note}\n\n{figures.table(results.row, ours.BARE)}")
    if results.pairs or results.missing:
        parts.append(f"### Beside other generators\n\nOurs is on SQLAlchemy, as theirs. {alone}")
        parts += results.rival_versions
        parts += [f"{name} is not compared: {why}" for name, why in results.missing.items()]
        for route, turns in results.pairs.items():
            parts.append(f"{route}:\n\n{figures.table(turns, next(iter(turns)))}")
    if results.servers:
        note = (
            f"The row read of the rendered service. Workers, load generator and database share all {len(ALL)}"
            " processors, so that the throughput of one worker is not that above; `case` is the server and its"
            f" number of workers. {results.server_versions}"
        )
        table = figures.table(results.servers, next(iter(results.servers)))
        parts.append(f"### Servers\n\n{note}\n\n{table}")
    return parts


def listed(processors: frozenset[int]) -> str:
    """The numbers of processors."""
    return ", ".join(map(str, sorted(processors)))


def output(*command: str) -> str:
    """What a program says."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def arguments() -> argparse.Namespace:
    """Read the options of a trial."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, help="of load in one turn")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="turns of each contender")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="these parts")
    parser.add_argument("--edge", action="store_true", help="behind nginx, nothing else")
    options = parser.parse_args()
    default = EDGE_SECONDS if options.edge else SECONDS
    options.seconds = options.seconds or default
    long = options.seconds >= default and options.rounds >= ROUNDS
    options.published = long and tuple(options.only) == PARTS
    return options


def main() -> None:
    """Measure, print and, after a full run, publish."""
    options, load = arguments(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.edge:
            body = edge.measured(folder, options.seconds, load)
            tell("Behind nginx", body, options)
            return
        with pinned(OTHERS), postgresql(max_connections=300) as database:
            database.execute(f"CREATE DATABASE {DATABASE}")
            with pinned(ALL):
                results = measure(folder, database, options)
    if options.published:
        chart.draw(CHART, results.row, results.pairs, results.servers)
    tell(TITLE, text(results, load, options), options)


def tell(title: str, body: str, options: argparse.Namespace) -> None:
    """Publish a full run, print a trial."""
    if options.published:
        publish(title, COMMAND, body)
    else:
        print(body)  # noqa: T201 - a benchmark prints its figures


if __name__ == "__main__":
    main()
