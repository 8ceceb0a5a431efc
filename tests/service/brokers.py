"""Caches and brokers of the tests' own: each on a free port, with data in a temporary directory.

Tests stop them and start them again, which nobody may do to a shared server.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from harness import free_port, missing

START_SECONDS = 90


@dataclass
class Broker:
    """A server that tests may stop and start."""

    url: str
    port: int
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    process: subprocess.Popen[bytes] | None = None
    greeting: bytes = b""
    """What makes the server answer, where a connection alone does not say that it is ready."""

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self.process = subprocess.Popen(
            self.command,
            env={**os.environ, **self.environment},
            user=self.user,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{self.command[0]} did not start")
            time.sleep(0.1)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End the server and wait until it is gone; its data stays."""
        if self.process is not None:
            os.killpg(self.process.pid, number)
            self.process.wait(timeout=60)
            self.process = None

    def freeze(self) -> None:
        """Make it accept connections and answer nothing."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it answer again."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(self.greeting)
                return bool(connection.recv(16)) if self.greeting else True
        except OSError:
            return False


@contextmanager
def redis() -> Iterator[Broker]:
    """Run a Redis that keeps what it acknowledged."""
    with _directory() as directory:
        port = free_port()
        options = {"port": port, "bind": "127.0.0.1", "dir": directory}
        options |= {"appendonly": "yes", "appendfsync": "always", "save": ""}
        flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        command = [_binary("redis-server"), *flags]
        with _running(
            Broker(f"redis://127.0.0.1:{port}/0", port, command, greeting=b"PING\r\n")
        ) as broker:
            yield broker


@contextmanager
def memcached() -> Iterator[Broker]:
    """Run a Memcached."""
    port = free_port()
    command = [_binary("memcached"), "-l", "127.0.0.1", "-p", str(port), "-U", "0"]
    command += ["-u", "nobody"]
    with _running(Broker("127.0.0.1", port, command, greeting=b"version\r\n")) as broker:
        yield broker


@contextmanager
def nats() -> Iterator[Broker]:
    """Run a NATS with JetStream."""
    with _directory() as directory:
        port = free_port()
        command = [_binary("nats-server"), "-a", "127.0.0.1", "-p", str(port)]
        command += ["-js", "-sd", str(directory)]
        with _running(
            Broker(f"nats://127.0.0.1:{port}", port, command, greeting=b"PING\r\n")
        ) as broker:
            yield broker


@contextmanager
def rabbitmq() -> Iterator[Broker]:
    """Run a RabbitMQ node."""
    owner = "rabbitmq" if os.geteuid() == 0 else None
    with _directory(owner) as directory:
        port = free_port()
        environment = {
            "RABBITMQ_NODENAME": f"fastgen{port}@localhost",
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq"),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(directory),
            "RABBITMQ_LOG_BASE": str(directory),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-setcookie fastgen",
            "HOME": str(directory),
        }
        (directory / "plugins").write_text("[].", encoding="utf-8")
        listener = f"listeners.tcp.1 = 127.0.0.1:{port}\n"
        (directory / "rabbitmq.conf").write_text(listener, encoding="utf-8")
        broker = Broker(
            f"amqp://guest:guest@127.0.0.1:{port}/",
            port,
            [_binary("rabbitmq-server", "/usr/lib/rabbitmq/bin")],
            environment,
            owner,
            greeting=b"AMQP\x00\x00\x09\x01",
        )
        with _running(broker):
            yield broker


@contextmanager
def _running(broker: Broker) -> Iterator[Broker]:
    broker.start()
    try:
        yield broker
    finally:
        broker.stop(signal.SIGKILL)


@contextmanager
def _directory(owner: str | None = None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fastgen-broker-", ignore_cleanup_errors=True) as name:
        if owner is not None:
            shutil.chown(name, owner, owner)
        yield Path(name)


def _binary(name: str, first: str = "") -> str:
    """Find a program, in `first` before all: Debian puts a wrapper for root on the path."""
    places = [first, os.environ["PATH"], "/usr/sbin:/usr/local/sbin"]
    found = [path for place in places if place and (path := shutil.which(name, path=place))]
    return found[0] if found else missing(f"{name} is not installed")
