"""Metrics: counted by route, and right over several worker processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from httpx2 import AsyncClient
from prometheus_client.parser import text_string_to_metric_families


def requests_counted(exposition: str, **labels: str) -> float:
    """The number of requests with these labels, as `/metrics` tells it."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
        if sample.name == "http_request_duration_seconds_count"
        and labels.items() <= sample.labels.items()
    )


async def test_requests_are_counted_by_route(client: AsyncClient) -> None:
    for path in ("/livez", "/livez", "/nowhere/1", "/nowhere/2"):
        await client.get(path)
    exposition = (await client.get("/metrics")).text
    assert requests_counted(exposition, route="/livez", status="200", method="GET") == 2
    assert requests_counted(exposition, route="(unmatched)", status="404") == 2


async def test_invented_methods_share_one_label(client: AsyncClient) -> None:
    for method in ("BREW", "PROPFIND"):
        await client.request(method, "/livez")
    exposition = (await client.get("/metrics")).text
    assert requests_counted(exposition, method="OTHER") == 2
    assert "BREW" not in exposition


async def test_what_a_proxy_forwards_sees_no_metrics(client: AsyncClient) -> None:
    answer = await client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"})
    assert answer.status_code == 404
    assert "http_request" not in answer.text


@pytest.fixture
def server(unused_tcp_port: int, tmp_path: Path) -> Iterator[str]:
    """The service with two worker processes; its address."""
    environment = {
        **os.environ,
        "APP_SERVER__PORT": str(unused_tcp_port),
        "APP_SERVER__RELOAD": "false",
        "WEB_CONCURRENCY": "2",
        "TMPDIR": str(tmp_path),
    }
    process = subprocess.Popen([sys.executable, "-m", "app"], env=environment)
    address = f"http://127.0.0.1:{unused_tcp_port}"
    try:
        wait_for(address)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)  # the stop may take the graceful timeout of the settings
    assert not list(tmp_path.glob("app-metrics-*"))


def wait_for(address: str) -> None:
    for _ in range(300):
        try:
            httpx2.get(f"{address}/livez")
        except httpx2.TransportError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the service did not start")


def ask(address: str, times: int) -> None:
    """Every request over a new connection, so that all workers get some."""
    with httpx2.Client(limits=httpx2.Limits(max_keepalive_connections=0)) as client:
        for _ in range(times):
            client.get(f"{address}/nowhere")


def test_counts_are_those_of_all_workers_also_of_a_dead_one(server: str, tmp_path: Path) -> None:
    ask(server, 40)
    for _ in range(4):
        exposition = httpx2.get(f"{server}/metrics").text
        assert requests_counted(exposition, route="(unmatched)") == 40

    (directory,) = tmp_path.glob("app-metrics-*")
    workers = {int(path.stem.rpartition("_")[2]) for path in directory.glob("histogram_*.db")}
    os.kill(workers.pop(), signal.SIGKILL)
    time.sleep(1)
    wait_for(server)
    ask(server, 40)
    exposition = httpx2.get(f"{server}/metrics").text
    assert requests_counted(exposition, route="(unmatched)") == 80
    assert len(list(directory.glob("histogram_*.db"))) <= 3
