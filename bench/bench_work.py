"""What caches and queues cost and save: rendered services on a PostgreSQL and brokers of their own.

`python bench/bench_work.py [caches|hits|queues...]` needs the servers' binaries, `wrk` and the
development requirements. All services run one worker process; contenders take turns.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests" / "service"), str(ROOT / "tests")]

import brokers  # noqa: E402 - found through the path above
import work_probe  # noqa: E402
from databases import DatabaseServer, postgresql  # noqa: E402
from harness import Project, Server, project, serve  # noqa: E402
from pressure import CONNECTIONS, ROUNDS, rates  # noqa: E402
from report import interleaved, publish, table, versions  # noqa: E402

CACHES = {"memory": None, "redis": brokers.redis, "memcached": brokers.memcached}
QUEUES = {
    "background": ("background", ""),
    "taskiq, Redis": ("taskiq", "redis"),
    "taskiq, RabbitMQ": ("taskiq", "rabbitmq"),
    "taskiq, NATS": ("taskiq", "nats"),
    "saq, Redis": ("saq", "redis"),
    "Celery, Redis": ("celery", "redis"),
    "Celery, RabbitMQ": ("celery", "rabbitmq"),
    "procrastinate": ("procrastinate", ""),
}


def variables(database: DatabaseServer, name: str) -> dict[str, str]:
    """Give a project a database of its own."""
    database.execute(f"CREATE DATABASE {name}")
    return {
        "APP_DATABASE__URL": database.url(name),
        "APP_ENVIRONMENT": "production",
        "APP_LOG__LEVEL": "WARNING",
    }


@contextmanager
def cached_projects(
    folder: Path, database: DatabaseServer
) -> Iterator[dict[str, tuple[Project, brokers.Broker | None]]]:
    """Render a project for each cache, with the server of the cache and one product."""
    with ExitStack() as stack:
        found: dict[str, tuple[Project, brokers.Broker | None]] = {}
        for cache, start in CACHES.items():
            settings = variables(database, f"cache_{cache}")
            server = stack.enter_context(start()) if start else None
            if server is not None:
                place = {"APP_CACHE__HOST": "127.0.0.1", "APP_CACHE__PORT": str(server.port)}
                settings |= place if cache == "memcached" else {"APP_CACHE__URL": server.url}
            made = project(folder / cache, settings, db_driver="asyncpg", cache=cache)
            work_probe.add_routes(made.path, work_probe.CACHED)
            made.run("app.migrate")
            with database.connect(database.port, f"cache_{cache}") as connection:
                connection.execute(
                    "INSERT INTO products (id, sku, name, category, price_cents, review_count,"
                    " version, created_at, updated_at)"
                    " VALUES (7, 'sku-7', 'Product 7', 'c7', 7, 0, 1, now(), now())"
                )
            found[cache] = (made, server)
        yield found


def caches(folder: Path, database: DatabaseServer) -> str:
    """Cached routes against the uncached one."""
    with cached_projects(folder, database) as projects, ExitStack() as stack:
        serving = {
            name: stack.enter_context(serve(made, workers=1))
            for name, (made, _) in projects.items()
        }
        cases = {"uncached, PostgreSQL": (serving["memory"], "/bench/plain/7")}
        for cache, server in serving.items():
            cases[f"{cache}, `@cached`"] = (server, "/bench/function/7")
            cases[f"{cache}, `@cache_response`"] = (server, "/bench/response/7")
        figures = rates(cases, "uncached, PostgreSQL", "A cached route against the uncached one")
    python = projects["redis"][0].python
    what = versions("fastapi", "uvicorn", "sqlalchemy", "asyncpg", "redis", python=python)
    return f"{what} wrk, {CONNECTIONS} connections, one worker.\n\n{figures}"


def hits(folder: Path, database: DatabaseServer) -> str:
    """Time one hit in a loop, without HTTP; then one read while the server of the cache is gone."""
    alive, dead = ["### One hit, one at a time"], ["### One read while the server is down"]
    with cached_projects(folder, database) as projects:
        for cache, (made, server) in projects.items():
            (made.path / "hits.py").write_text(work_probe.HITS, encoding="utf-8")
            alive.append(timed_calls(made, cache, "client alone"))
            if server is not None:
                server.stop()
                dead.append(timed_calls(made, cache, "load alone", "dead"))
    return "\n\n".join(alive + dead)


def timed_calls(made: Project, cache: str, reference: str, *more: str) -> str:
    """Run the program that times calls in a project."""
    command = [made.python, "hits.py", cache, *more]
    output = subprocess.check_output(command, cwd=made.path, env=made.variables({}), text=True)
    rounds: list[dict[str, float]] = json.loads(output.splitlines()[-1])
    figures = {name: [one[name] for one in rounds] for name in rounds[0]}
    return f"{cache}:\n\n{table(figures, reference, 'us', 1)}"


@contextmanager
def enqueueing(folder: Path, database: DatabaseServer) -> Iterator[dict[str, Server]]:
    """Serve a project for each queue; nobody runs the jobs."""
    with ExitStack() as stack:
        found: dict[str, Server] = {}
        started: dict[str, brokers.Broker] = {}
        for number, (name, (queue, broker)) in enumerate(QUEUES.items()):
            settings = variables(database, f"queue_{number}")
            answers = {"broker": broker} if broker else {}
            if broker:
                if broker not in started:
                    started[broker] = stack.enter_context(getattr(brokers, broker)())
                settings |= {"APP_QUEUE__URL": started[broker].url, "APP_QUEUE__NAME": queue}
            made = project(
                folder / str(number),
                settings,
                db_driver="asyncpg",
                cache="none",
                example=False,
                queue=queue,
                **answers,
            )
            work_probe.add_routes(made.path, work_probe.ENQUEUEING)
            made.run("app.migrate")
            found[name] = stack.enter_context(serve(made, workers=1))
        yield found


def queues(folder: Path, database: DatabaseServer) -> str:
    """Requests that enqueue, and what a route beside them feels of it."""
    with enqueueing(folder, database) as serving:
        cases = {"no job": (serving["background"], "/bench/other")}
        cases["a transaction, no job"] = (serving["background"], "/bench/transaction")
        cases |= {name: (server, "/bench/enqueue") for name, server in serving.items()}
        enqueued = rates(cases, "no job", "A request that enqueues one job")
        felt = interleaved({name: beside(*case) for name, case in cases.items()}, ROUNDS)
        note = (
            "### Another route while 8 clients do this as fast as they can\n\n"
            "Its client sends one request at a time; all share two cores."
        )
        return f"{enqueued}\n\n{note}\n\n{table(felt, 'no job', 'ms', 2)}"


def beside(server: Server, path: str) -> Callable[[], float]:
    """Median milliseconds of a route while others ask for `path`."""

    def run() -> float:
        command = ["wrk", "-t1", "-c8", "-d4", server.address + path]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL):
            time.sleep(0.5)
            return quick_answers(server)

    return run


def quick_answers(server: Server) -> float:
    """Median milliseconds of some requests, one after the other."""
    times = []
    for _ in range(300):
        started = time.perf_counter()
        server.get("/bench/other")
        times.append((time.perf_counter() - started) * 1000)
    return median(times)


PARTS: Mapping[str, Callable[[Path, DatabaseServer], str]] = {
    "caches": caches,
    "hits": hits,
    "queues": queues,
}


def main() -> None:
    """Run the parts that were named, or all, and write the section."""
    chosen = sys.argv[1:] or list(PARTS)
    body = []
    for name in chosen:
        with tempfile.TemporaryDirectory() as folder, postgresql() as database:
            body.append(PARTS[name](Path(folder), database))
    if chosen == list(PARTS):
        publish("Work", "python bench/bench_work.py", "\n\n".join(body))
    else:
        print("\n\n".join(body))  # noqa: T201 - a benchmark prints its figures


if __name__ == "__main__":
    main()
