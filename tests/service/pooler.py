"""PgBouncer with the rendered configuration, between a service and a PostgreSQL of the tests' own."""

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from databases import DatabaseServer, postgresql
from harness import free_port, missing
from tools import debian

USER, PASSWORD = "demo", "only-for-this-test"
HBA = """\
host all postgres 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
"""
START_SECONDS = 30


@dataclass
class Pooler:
    """A PgBouncer that tests may stop and start."""

    command: list[str]
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def url(self, database: str) -> str:
        """Give the address of a database behind it."""
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def value(self, query: str, database: str = USER) -> str:
        """Ask for one value through it."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return str(row[0])

    def start(self) -> None:
        """Start it and wait until it lets clients in."""
        with self.log.open("ab") as sink:
            self.process = subprocess.Popen(self.command, stdout=sink, stderr=sink)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.value("SELECT 1", "postgres")
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(self.log.read_text("utf-8")) from None
                time.sleep(0.1)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it, and with it every connection."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None


@contextmanager
def database_with_passwords(**options: object) -> Iterator[DatabaseServer]:
    """Run a PostgreSQL that asks the service's user for a password."""
    with tempfile.NamedTemporaryFile("w", suffix="-hba.conf") as hba:
        hba.write(HBA)
        hba.flush()
        Path(hba.name).chmod(0o644)
        with postgresql(hba_file=hba.name, **options) as server:
            server.execute(f"CREATE ROLE {USER} LOGIN CREATEDB PASSWORD '{PASSWORD}'")
            server.execute(f"CREATE DATABASE {USER} OWNER {USER}")
            yield server


@contextmanager
def pgbouncer(configuration: Path, server: DatabaseServer) -> Iterator[Pooler]:
    """Run PgBouncer with a rendered file, of which only addresses and paths are changed."""
    try:
        program = debian.pgbouncer()
    except debian.UnavailableError as error:
        missing(str(error))
    with tempfile.TemporaryDirectory(prefix="fastgen-pgbouncer-") as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        users = folder / "users"
        users.write_text(f'"{USER}" "{PASSWORD}"\n', encoding="utf-8")
        local = folder / "pgbouncer.ini"
        text = configuration.read_text(encoding="utf-8")
        local.write_text(_local(text, server.port, port, users), encoding="utf-8")
        account = ["-u", "postgres"] if os.geteuid() == 0 else []
        pooler = Pooler([*program, *account, str(local)], port, folder / "log")
        pooler.start()
        try:
            yield pooler
        finally:
            pooler.stop()


def _local(text: str, server: int, port: int, users: Path) -> str:
    changes = {
        r"host=\S+ port=5432": f"host=127.0.0.1 port={server}",
        r"(?m)^listen_addr = .*": "listen_addr = 127.0.0.1",
        r"(?m)^listen_port = 6432$": f"listen_port = {port}",
        r"(?m)^auth_file = .*": f"auth_file = {users}",
        # For the databases that the rendered tests create.
        r"(?m)^\[pgbouncer\]$": f"* = host=127.0.0.1 port={server}\n\n[pgbouncer]",
    }
    for pattern, replacement in changes.items():
        text, count = re.subn(pattern, replacement, text)
        assert count == 1, pattern
    return text
