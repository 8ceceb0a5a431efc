"""Runs as a client on the network of a container engine, where every name is this machine.

near.py works https://demo.example.com             the example answers as its contract says
near.py load https://demo.example.com              reads and writes until its input ends; the statuses
"""

import json
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import contract
from harness import Server, until
from load import load

JOB_SECONDS = 60


def be_near() -> None:
    """Find this machine under every name, and believe its certificates."""
    found = socket.getaddrinfo

    def here(host: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - passed on
        return found("127.0.0.1" if host else host, *arguments, **options)

    socket.getaddrinfo = here
    ssl._create_default_https_context = ssl._create_unverified_context  # type: ignore[assignment]


def server_at(address: str) -> Server:
    """A service that somebody else has started."""
    return Server(address, subprocess.Popen[bytes](["/bin/true"]), Path("/dev/null"))


def works(address: str) -> None:
    """Every kind of route, refused requests, and a job that a worker ends."""
    server = server_at(address)
    product = contract.create_read_change(server)
    contract.review_and_rating(server, product)
    contract.lists_and_exports(server)
    contract.failures(server, product)
    review = {"product_id": product["id"], "author": "Ada", "rating": 2}
    assert contract.ask(server, "POST", "/reviews", review)[0] == 201
    path = f"/products/{product['id']}"
    until(lambda: contract.ask(server, "GET", path)[1]["rating"] == 2, lambda: path, JOB_SECONDS)
    assert contract.ask(server, "GET", "/readyz")[0] == 200
    assert contract.ask(server, "GET", "/metrics")[0] == 404


def press(address: str) -> None:
    """Read and write without a pause until the standard input ends."""
    server = server_at(address)
    new = {"sku": "pressed", "name": "p", "category": "p", "price_cents": 1}
    product = contract.ask(server, "POST", "/products", new)[1]
    review = json.dumps({"product_id": product["id"], "author": "Ada", "rating": 2})
    with load(address, "/products", 2) as reads, load(address, "/reviews", 2, review) as writes:
        sys.stdin.read()
    sys.stdout.write(json.dumps([reads.statuses, writes.statuses]))


if __name__ == "__main__":
    be_near()
    {"works": works, "load": press}[sys.argv[1]](*sys.argv[2:])
