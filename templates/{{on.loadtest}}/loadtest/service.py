"""Starts the service that is loaded, in a folder of its own, and stops it."""

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from loadtest.plan import Service

START_SECONDS = 60
STOP_SECONDS = 45
"""Longer than the service gives its last requests."""
ROOT = Path(__file__).parents[1]


class NotStartedError(Exception):
    """The service does not run; the text says where to look."""


@contextmanager
def started(service: Service, folder: Path) -> Iterator[str]:
    """Run the service until the block ends; its address."""
    port = _free_port()
    with ExitStack() as stack:
        # What the person has set wins, but for the port, which must be free.
        stand_ins = {
            name: stack.enter_context(_stand_in(body)) for name, body in service.stand_ins.items()
        }
        given = service.environment
        filled = {name: _filled(value, port, folder) for name, value in given.items()}
        fixed = {name: filled[name] for name, value in given.items() if "{port}" in value}
        environment = stand_ins | filled | dict(os.environ) | fixed
        log = stack.enter_context((folder / "service.log").open("wb"))
        for command in service.before:
            if _start(command, environment, port, log.fileno()).wait():
                raise NotStartedError(f"`python -m {' '.join(command)}` failed: see {log.name}")
        processes = [
            stack.enter_context(_running(_start(command, environment, port, log.fileno())))
            for command in service.run
        ]
        address = f"http://127.0.0.1:{port}"
        _wait(address + service.ready, processes, log.name)
        yield address


def _start(
    command: list[str], environment: dict[str, str], port: int, log: int
) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", *(_filled(word, port, ROOT) for word in command)]
    return subprocess.Popen(words, cwd=ROOT, env=environment, stdout=log, stderr=log)  # noqa: S603


@contextmanager
def _running(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(url: str, processes: list[subprocess.Popen[bytes]], log: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(url):
        ended = any(process.poll() is not None for process in processes)
        if ended or time.monotonic() > deadline:
            raise NotStartedError(f"the service does not answer {url}: see {log}")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - of this machine
            return bool(response.status < 400)
    except (OSError, urllib.error.URLError):
        return False


@contextmanager
def _stand_in(body: str) -> Iterator[str]:
    """Answer every request with `body`; the address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _filled(text: str, port: int, folder: Path) -> str:
    return text.replace("{port}", str(port)).replace("{folder}", str(folder))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
