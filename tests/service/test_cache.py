"""Shared caches and two worker processes: shared hits, dropped tags, single loads, dead servers."""

import json
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import brokers
import cache_probe
import pytest
from harness import Project, Server, project, serve

pytestmark = [pytest.mark.service, pytest.mark.nightly]

START = {"redis": brokers.redis, "memcached": brokers.memcached}
OUTAGE_SECONDS = 10


@dataclass
class Service:
    """A rendered project, its cache server, and where the probe leaves its traces."""

    project: Project
    cache: brokers.Broker
    files: Path

    def loads(self, name: str, kind: str = "loads") -> int:
        trace = self.files / f"{name}.{kind}"
        return len(trace.read_text().splitlines()) if trace.exists() else 0


@pytest.fixture(scope="module", params=START)
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    with START[request.param]() as cache:
        files = tmp_path_factory.mktemp("files")
        environment = {
            "PROBE_FILES": str(files),
            "APP_CACHE__URL": cache.url,
            "APP_CACHE__HOST": "127.0.0.1",
            "APP_CACHE__PORT": str(cache.port),
            "APP_CACHE__JITTER": "0",
        }
        made = project(
            tmp_path_factory.mktemp("cache") / "demo",
            environment,
            db_driver="none",
            cache=request.param,
        )
        cache_probe.add_to(made.path)
        yield Service(made, cache, files)


def send(server: Server, path: str, method: str = "GET") -> tuple[int, dict[str, object]]:
    # The name is part of a response's key, and the port part of the name.
    headers = {"Host": "service.test"}
    request = urllib.request.Request(server.address + path, method=method, headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, {}


def until_both_answer(server: Server, path: str) -> list[dict[str, object]]:
    """Ask until both worker processes have answered, over a new connection each time."""
    bodies: list[dict[str, object]] = []
    while len({body["answered_by"] for body in bodies}) < 2:
        assert len(bodies) < 500
        bodies.append(send(server, path)[1])
    return bodies


def test_two_processes_share_one_entry(service: Service) -> None:
    name = unique()
    with serve(service.project, workers=2) as server:
        bodies = until_both_answer(server, f"/probe/function/{name}")
    assert len({body["loaded_by"] for body in bodies}) == 1
    assert service.loads(name) == 1


def test_an_entry_outlives_a_restart_of_the_service(service: Service) -> None:
    name = unique()
    for _ in range(2):
        with serve(service.project, workers=2) as server:
            until_both_answer(server, f"/probe/function/{name}")
            send(server, f"/probe/response/{name}")
    assert service.loads(name) == 1
    assert service.loads(name, "responses") == 1


def test_a_write_is_seen_by_both_processes_at_once(service: Service) -> None:
    name = unique()
    with serve(service.project, workers=2) as server:
        for value in ("one", "two", "three"):
            assert send(server, f"/probe/{name}/{value}", "PUT")[0] == 200
            bodies = until_both_answer(server, f"/probe/function/{name}")
            assert {body["value"] for body in bodies} == {value}
            responses = [send(server, f"/probe/response/{name}")[1] for _ in range(20)]
            assert {body["value"] for body in responses} == {value}
    assert service.loads(name) == 3


def test_a_hundred_misses_in_two_processes_load_once(service: Service) -> None:
    name = unique()
    with (
        serve(service.project, workers=2, PROBE_SECONDS="0.5") as server,
        ThreadPoolExecutor(100) as pool,
    ):
        until_both_answer(server, f"/probe/function/{unique()}")
        bodies = list(pool.map(lambda _: send(server, f"/probe/function/{name}"), range(100)))
    assert {status for status, _ in bodies} == {200}
    assert len({body["answered_by"] for _, body in bodies}) == 2
    assert service.loads(name) == 1


def stop_and_start(service: Service) -> None:
    service.cache.stop()
    time.sleep(OUTAGE_SECONDS)
    service.cache.start()


def freeze_and_thaw(service: Service) -> None:
    service.cache.freeze()
    time.sleep(OUTAGE_SECONDS)
    service.cache.thaw()


@pytest.mark.parametrize("outage", [stop_and_start, freeze_and_thaw])
def test_the_cache_goes_away_under_load_and_returns(
    service: Service, outage: Callable[[Service], None]
) -> None:
    name = unique()
    answers: list[tuple[float, int, float]] = []
    done = threading.Event()

    def load(server: Server) -> None:
        while not done.is_set():
            started = time.monotonic()
            status, _ = send(server, f"/probe/function/{name}")
            answers.append((started, status, time.monotonic() - started))
            time.sleep(0.005)

    with serve(service.project, workers=2) as server, ThreadPoolExecutor(8) as pool:
        loading = [pool.submit(load, server) for _ in range(8)]
        time.sleep(2)
        outage(service)
        back = time.monotonic()
        time.sleep(7)
        done.set()
        for one in loading:
            one.result()
        before = service.loads(name)
        bodies = until_both_answer(server, f"/probe/function/{name}")
        log = server.output()

    assert {status for _, status, _ in answers} == {200}
    times = sorted(seconds for _, _, seconds in answers)
    # At most one timeout of an operation after another until the server is given up; then nothing.
    assert times[-1] < 3
    assert times[int(len(times) * 0.99)] < 0.5
    assert service.loads(name) - before <= 1, "the cache is not used again"
    assert len({body["loaded_by"] for body in bodies}) == 1
    # One line for each change of state in each of the two processes, and not one per request.
    assert 1 <= log.count("cache is down") <= 2
    assert log.count("cache is back") == log.count("cache is down")
    assert [started for started, _, _ in answers if started > back]


def unique() -> str:
    return uuid.uuid4().hex[:8]
