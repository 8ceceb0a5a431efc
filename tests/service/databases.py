"""Database servers of the tests' own: each on a free port, with data in a temporary directory.

Tests stop them, start them again and give them small limits, which nobody may do to a shared server.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pymysql
from harness import free_port, missing

START_SECONDS = 60


@dataclass
class DatabaseServer:
    """A server that tests may stop and start. `scheme` is that of its URLs."""

    scheme: str
    user: str
    port: int
    command: Sequence[str]
    owner: str | None
    """The account that runs it: PostgreSQL refuses to run as root."""
    connect: Callable[..., AbstractContextManager[Any]]
    home: str = "postgres"
    """A database that always exists."""
    process: subprocess.Popen[bytes] | None = None

    def url(self, database: str) -> str:
        """Give the address of a database, as the service's settings want it."""
        return f"{self.scheme}://{self.user}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Execute a statement as the administrator; the rows."""
        with self.connect(self.port) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self.process = subprocess.Popen(
            self.command, user=self.owner, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.execute("SELECT 1")
            except (psycopg.OperationalError, pymysql.err.OperationalError):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let no process of the server run: it accepts connections and never answers."""
        processes = [self._running().pid, *_children(self._running().pid)]
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)

    @contextmanager
    def occupied(self, limit: int) -> Iterator[None]:
        """Take connections until the server refuses more."""
        with ExitStack() as stack:
            for _ in range(limit + 1):  # one more for administrators
                try:
                    stack.enter_context(self.connect(self.port))
                except (psycopg.OperationalError, pymysql.err.OperationalError):
                    break
            yield

    def _running(self) -> subprocess.Popen[bytes]:
        assert self.process is not None
        return self.process

    def stop(self) -> None:
        """Kill the server, as a crash would; clients get no farewell."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def _children(process: int) -> list[int]:
    path = Path(f"/proc/{process}/task/{process}/children")
    return [int(child) for child in path.read_text(encoding="ascii").split()]


def _connect_postgresql(port: int, database: str = "postgres") -> AbstractContextManager[Any]:
    address = f"host=127.0.0.1 port={port} user=postgres dbname={database}"
    return psycopg.connect(address, autocommit=True)


def _connect_mysql(port: int, database: str | None = None) -> AbstractContextManager[Any]:
    connection: AbstractContextManager[Any] = pymysql.connect(
        host="127.0.0.1", port=port, user="tests", database=database, autocommit=True
    )
    return connection


@contextmanager
def postgresql(**options: object) -> Iterator[DatabaseServer]:
    """Run a new PostgreSQL with `options` of its configuration."""
    binaries = [*Path("/usr/lib/postgresql").glob("*/bin"), None]
    initdb = (
        shutil.which("initdb", path=str(binaries[0])) if binaries[0] else shutil.which("initdb")
    )
    if initdb is None:
        missing("PostgreSQL is not installed: initdb not found")
    owner = "postgres" if os.geteuid() == 0 else None
    with _directory(owner) as directory:
        data, port = directory / "data", free_port()
        subprocess.run(
            [initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
            user=owner,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        settings = {"port": port, "listen_addresses": "127.0.0.1", "fsync": "off"} | options
        settings["unix_socket_directories"] = directory
        flags = [f"--{name}={value}" for name, value in settings.items()]
        command = [str(Path(initdb).with_name("postgres")), "-D", str(data), *flags]
        server = DatabaseServer("postgresql", "postgres", port, command, owner, _connect_postgresql)
        with _running(server):
            yield server


@contextmanager
def mariadb(**options: object) -> Iterator[DatabaseServer]:
    """Run a new MariaDB with `options` of its configuration."""
    install, daemon = shutil.which("mariadb-install-db"), shutil.which("mariadbd")
    if install is None or daemon is None:
        missing("MariaDB is not installed: mariadb-install-db or mariadbd not found")
    owner = "mysql" if os.geteuid() == 0 else None
    with _directory(owner) as directory:
        data, port = directory / "data", free_port()
        common = ["--no-defaults", f"--datadir={data}"]
        subprocess.run(
            [install, *common, "--auth-root-authentication-method=normal", "--skip-test-db"],
            user=owner,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        accounts = directory / "accounts.sql"
        accounts.write_text(
            "CREATE OR REPLACE USER tests@'%';\nGRANT ALL ON *.* TO tests@'%' WITH GRANT OPTION;\n",
            encoding="utf-8",
        )
        accounts.chmod(0o644)
        settings = {"port": port, "bind-address": "127.0.0.1", "init-file": accounts} | options
        settings |= {"socket": directory / "socket", "pid-file": directory / "pid"}
        flags = [f"--{name}={value}" for name, value in settings.items()]
        server = DatabaseServer(
            "mysql", "tests", port, [daemon, *common, *flags], owner, _connect_mysql, home=""
        )
        with _running(server):
            yield server


@contextmanager
def _directory(owner: str | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fastgen-db-") as name:
        if owner is not None:
            shutil.chown(name, owner)
        yield Path(name)


@contextmanager
def _running(server: DatabaseServer) -> Iterator[None]:
    server.start()
    try:
        yield
    finally:
        server.stop()
