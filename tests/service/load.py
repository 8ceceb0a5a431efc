"""Concurrent requests over kept connections, and what was answered."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

JSON = {"Content-Type": "application/json"}


@dataclass
class Load:
    """Clients that repeat one request until the block ends: GET, or POST of a JSON body."""

    address: str
    path: str
    body: str | None = None
    statuses: Counter[int] = field(default_factory=Counter)
    """How often each status was answered; 0 stands for "no answer"."""
    slowest: float = 0.0
    """Seconds of the slowest answer."""
    _stopped: threading.Event = field(default_factory=threading.Event)

    def client(self) -> None:
        """Send requests, one after the other, until the load is stopped."""
        parts = urlsplit(self.address)
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(parts.netloc, timeout=60)
        method, headers = ("POST", JSON) if self.body else ("GET", {})
        while not self._stopped.is_set():
            started = time.monotonic()
            try:
                connection.request(method, self.path, self.body, headers)
                response = connection.getresponse()
                response.read()
                self.statuses[response.status] += 1
            except (OSError, http.client.HTTPException):
                connection.close()
                self.statuses[0] += 1
            self.slowest = max(self.slowest, time.monotonic() - started)
        connection.close()

    def forget(self) -> None:
        """Begin to count anew."""
        self.statuses.clear()
        self.slowest = 0.0

    def stop(self) -> None:
        """Let every client finish its request."""
        self._stopped.set()


@contextmanager
def load(address: str, path: str, clients: int, body: str | None = None) -> Iterator[Load]:
    """Run `clients` clients at once as long as the block lasts."""
    running = Load(address, path, body)
    threads = [threading.Thread(target=running.client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield running
    finally:
        running.stop()
        for thread in threads:
            thread.join()
