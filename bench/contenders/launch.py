"""Starting one contender, and one turn of it: how long the start took, what load showed."""

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from harness import Server, free_port
from machine import ALL, OTHERS, SERVER, busiest, pinned, resident_mb, tree
from pressure import measured, work_of, wrk

START_SECONDS = 60
STOP_SECONDS = 60
WARM_SECONDS = 1
PORT = "{port}"
"""Stands for the port in commands and variables."""


def variables(*own: Mapping[str, str]) -> dict[str, str]:
    """Give the environment of a contender: `own` and little else.

    What a shell sets for Python changes starts: without bytecode everything is compiled each time.
    """
    found = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    for one in own:
        found |= one
    return found


@dataclass(frozen=True)
class Contender:
    """A service that can be started, and the path that is asked."""

    path: str
    command: Sequence[str]
    folder: Path
    variables: Mapping[str, str]
    """All variables of its environment."""
    workers: int = 1
    processors: Set[int] = SERVER


@dataclass(frozen=True)
class Turn:
    """What one turn showed."""

    rate: float
    """Requests per second."""
    work: float
    """Processor time for one request, in microseconds."""
    middle: float
    slowest: float
    """Median and 99th percentile of the times, in milliseconds."""
    memory: float
    """MB of one worker after the load."""
    whole: float
    """MB of all processes."""
    start: float
    """Seconds from the command to the first good answer."""
    start_work: float
    """Processor time of the service until then, in seconds."""


@dataclass
class Started(Server):
    """A running contender."""

    seconds: float = field(default=0.0)
    """How long it took to the first good answer."""
    work: float = field(default=0.0)
    """Processor time that it took until then, in seconds."""


@contextmanager
def started(contender: Contender) -> Iterator[Started]:
    """Run a contender until the block ends."""
    port = str(free_port())
    log = contender.folder / f"bench-{port}.log"
    command = [word.replace(PORT, port) for word in contender.command]
    environment = {name: value.replace(PORT, port) for name, value in contender.variables.items()}
    with log.open("wb") as sink, pinned(contender.processors):
        begin = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=contender.folder,
            env=environment,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Started(f"http://127.0.0.1:{port}", process, log)
    try:
        _wait(server, contender.path)
        server.seconds = time.perf_counter() - begin
        server.work = work_of(server)
        yield server
    finally:
        _stop(process)
        log.unlink()


def _wait(server: Server, path: str) -> None:
    until = time.monotonic() + START_SECONDS
    while (status := _status(server, path)) != http.HTTPStatus.OK:
        if server.process.poll() is not None or time.monotonic() > until:
            code = server.process.returncode
            raise RuntimeError(f"{path}: {status}, exit code {code}: {server.output()[-3000:]}")
        time.sleep(0.005)


def _status(server: Server, path: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def turn(contender: Contender, seconds: int) -> Turn:
    """Start the contender, put load on it, stop it."""
    # With all processors for the server, there is none that the load would have to itself.
    others = ALL if contender.processors == ALL else OTHERS
    with pinned(others), started(contender) as server:
        wrk(server.address + contender.path, WARM_SECONDS)
        run = measured(server, contender.path, seconds)
        workers = busiest(server.process.pid, contender.workers)
        memory = sum(map(resident_mb, workers)) / len(workers)
        whole = sum(map(resident_mb, tree(server.process.pid)))
    return Turn(
        run.rate, run.work, run.middle, run.slowest, memory, whole, server.seconds, server.work
    )
