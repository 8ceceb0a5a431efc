"""The boot matrix: every two choices that change how a service runs, and servers for them."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import brokers
from combinations import Answers, all_pairs, checked
from command import ROOT
from databases import DatabaseServer, mariadb, postgresql

LEFT_OUT = frozenset(
    # What surrounds the service is checked with its own tools (PgBouncer by test_pgbouncer.py);
    # `workload` changes numbers alone.
    [
        "ci",
        "deployment",
        "http_edge",
        "nginx_version",
        "per_environment",
        "pgbouncer",
        "python_version",
        "tls",
        "workload",
    ]
)
SCHEMES = {
    "asyncpg": "postgresql",
    "psycopg": "postgresql",
    "asyncmy": "mysql",
    "aiomysql": "mysql",
}
LAYERS = {
    *(
        (driver, layer)
        for driver in ("aiosqlite", *SCHEMES)
        for layer in ("sqlalchemy", "sqlmodel")
    ),
    ("asyncpg", "asyncpg"),
}
"""Every driver with every way to write queries."""
START: Mapping[str, Callable[[], AbstractContextManager[DatabaseServer | brokers.Broker]]] = {
    "postgresql": postgresql,
    "mysql": mariadb,
    "redis": brokers.redis,
    "memcached": brokers.memcached,
    "rabbitmq": brokers.rabbitmq,
    "nats": brokers.nats,
}


def rows() -> tuple[Answers, ...]:
    """The projects of the matrix; the same ones in every run.

    Every driver is with every layer in one that has the example, which is three choices at once.
    Each has a name of its own: their queues live on the same brokers.
    """
    found = [*all_pairs(LEFT_OUT, 25)]
    have = {(row["db_driver"], row.get("data_layer")) for row in found if row.get("example")}
    for driver, layer in sorted(LAYERS - have):
        found.append(checked({"db_driver": driver, "data_layer": layer, "example": True}) or {})
    return tuple({**row, "project_name": f"row-{number}"} for number, row in enumerate(found))


@cache
def interpreters() -> tuple[Path, ...]:
    """The supported interpreters of this machine; the rows of the matrix take turns."""
    command = [sys.executable, str(ROOT / "scripts" / "interpreters.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    others = [Path(line.split(" ", 1)[1]) for line in done.stdout.splitlines()]
    return Path(sys.executable), *others


@dataclass
class Backends:
    """Servers by name, started when they are first used."""

    stack: ExitStack
    started: dict[str, DatabaseServer | brokers.Broker] = field(default_factory=dict)

    def database(self, scheme: str) -> DatabaseServer:
        """Give the database server of a scheme."""
        server = self._server(scheme)
        assert isinstance(server, DatabaseServer)
        return server

    def broker(self, name: str) -> brokers.Broker:
        """Give a cache server or a broker."""
        server = self._server(name)
        assert isinstance(server, brokers.Broker)
        return server

    def _server(self, name: str) -> DatabaseServer | brokers.Broker:
        if name not in self.started:
            self.started[name] = self.stack.enter_context(START[name]())
        return self.started[name]

    def environment(self, answers: Answers, row: int) -> dict[str, str]:
        """Give the settings with which a project finds its servers; each row has its own names."""
        found: dict[str, str] = {"APP_QUEUE__NAME": f"row{row}"} if "broker" in answers else {}
        if answers["db_driver"] in SCHEMES:
            server, name = self.database(SCHEMES[answers["db_driver"]]), f"row{row}"
            server.execute(f"DROP DATABASE IF EXISTS {name}")
            server.execute(f"CREATE DATABASE {name}")
            found["APP_DATABASE__URL"] = server.url(name)
            found["APP_TEST_DATABASE__URL"] = server.url(server.home)
        if answers["cache"] == "redis":
            url = self.broker("redis").url.removesuffix("/0")
            found |= {"APP_CACHE__URL": f"{url}/1", "APP_TEST_CACHE__URL": f"{url}/2"}
        if answers["cache"] == "memcached":
            port = str(self.broker("memcached").port)
            for prefix in ("APP_CACHE__", "APP_TEST_CACHE__"):
                found |= {f"{prefix}HOST": "127.0.0.1", f"{prefix}PORT": port}
        if "broker" in answers:
            url = self.broker(answers["broker"]).url
            found |= {"APP_QUEUE__URL": url, "APP_TEST_QUEUE__URL": url}
        return found


@contextmanager
def rates() -> Iterator[str]:
    """Serve the exchange rates that the example asks for; the address."""

    class Rates(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"rates": {"USD": 2}}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Rates)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/latest"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
