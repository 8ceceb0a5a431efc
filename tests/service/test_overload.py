"""Ten times the load that a service can serve: some is served as always, the rest refused at once."""

import asyncio
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import databases
import harness
import pytest
from harness import Project, Server, serve

pytestmark = [pytest.mark.service, pytest.mark.nightly]

SERVERS = ["uvicorn", "gunicorn", "granian"]
WORKERS = 2
IN_FLIGHT = 10
WORK_SECONDS = 0.2
"""The time of one request, spent in the database: one process serves IN_FLIGHT / WORK_SECONDS."""
LOAD_SECONDS = 8
GROWTH_MB = 40
"""What the connections of the clients may take, in all processes together."""

WORK = f"""

from sqlalchemy import text

from app.database import Session


@app.get("/probe/work")
async def work(session: Session) -> str:
    await session.execute(text("SELECT pg_sleep({WORK_SECONDS})"))
    return "done"
"""


@dataclass
class Seen:
    """Seconds of the answers to one path, by status; 0 stands for "no answer"."""

    answers: dict[int, list[float]] = field(default_factory=dict)
    retry_after: set[str] = field(default_factory=set)

    def add(self, status: int, seconds: float) -> None:
        self.answers.setdefault(status, []).append(seconds)

    def late(self, status: int) -> float:
        """Give the 95th percentile."""
        return statistics.quantiles(self.answers[status], n=20)[-1]


async def client(address: str, path: str, pause: float, until: float, seen: Seen) -> None:
    """Send a request every `pause` seconds over one connection, whatever was answered."""
    place = urlsplit(address)
    request = f"GET {path} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode()
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    while (started := time.monotonic()) < until:
        writer.write(request)
        try:
            status, headers = await answer(reader)
        except (OSError, asyncio.IncompleteReadError):
            seen.add(0, time.monotonic() - started)
            reader, writer = await asyncio.open_connection(place.hostname, place.port)
            continue
        seen.add(status, time.monotonic() - started)
        if status == 503:
            seen.retry_after.add(headers.get("retry-after", "missing"))
        await asyncio.sleep(started + pause - time.monotonic())
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Read one answer; its status and headers."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines if line)
    await reader.readexactly(int(headers["content-length"]))
    return int(first.split()[1]), headers


async def load(address: str, clients: int) -> tuple[Seen, Seen]:
    """Let clients ask for work, and one more for the health, for some seconds."""
    work, health = Seen(), Seen()
    until = time.monotonic() + LOAD_SECONDS
    asking = [client(address, "/probe/work", WORK_SECONDS, until, work) for _ in range(clients)]
    probes = [client(address, path, 0.1, until, health) for path in ("/livez", "/readyz")]
    await asyncio.gather(*asking, *probes)
    return work, health


def memory(server: Server) -> float:
    """Resident memory of all processes of the service, in MB."""
    group = server.process.pid
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                total += int((folder / "statm").read_text().split()[1])
    return total * 4096 / 1e6


@pytest.fixture(scope="module")
def database() -> Iterator[databases.DatabaseServer]:
    with databases.postgresql(max_connections=60) as server:
        yield server


@pytest.fixture(scope="module", params=SERVERS)
def made(
    request: pytest.FixtureRequest,
    database: databases.DatabaseServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Project:
    environment = {
        "APP_DATABASE__URL": database.url("postgres"),
        "APP_DATABASE__POOL_SIZE": str(IN_FLIGHT),
        "APP_DATABASE__MAX_OVERFLOW": "0",
        "APP_SERVER__MAX_IN_FLIGHT": str(IN_FLIGHT),
        "APP_LOG__LEVEL": "WARNING",
        "APP_ENVIRONMENT": "production",
    }
    folder = tmp_path_factory.mktemp(request.param) / "demo"
    project = harness.project(
        folder,
        environment,
        db_driver="asyncpg",
        example=False,
        cache="none",
        server=request.param,
    )
    with (folder / "app" / "main.py").open("a", encoding="utf-8") as main:
        main.write(WORK)
    return project


@contextmanager
def warm(project: Project) -> Iterator[Server]:
    with serve(project, workers=WORKERS) as server:
        asyncio.run(load(server.address, IN_FLIGHT // 2))
        yield server


def test_ten_times_the_load(made: Project) -> None:
    # Fewer than one process serves: the kernel shares connections unevenly.
    fitting = IN_FLIGHT // 2
    with warm(made) as server:
        calm, _ = asyncio.run(load(server.address, fitting))
        before = memory(server)
        work, health = asyncio.run(load(server.address, 10 * WORKERS * IN_FLIGHT))
        after = memory(server)
        recovered, _ = asyncio.run(load(server.address, fitting))
    assert set(work.answers) == {200, 503}
    assert work.retry_after == {"1"}
    served, refused = len(work.answers[200]), len(work.answers[503])
    seen = (
        f"served {served} (95 % within {work.late(200):.3f} s, calm {calm.late(200):.3f} s), "
        f"refused {refused} ({work.late(503):.3f} s), memory {before:.0f} -> {after:.0f} MB"
    )
    assert set(calm.answers) == set(recovered.answers) == {200}
    # What is served is as quick as without the overload, and no less than one process can do.
    assert work.late(200) < 2 * calm.late(200), seen
    assert served > IN_FLIGHT / WORK_SECONDS * LOAD_SECONDS * 0.8, seen
    # Refusing costs a fraction of the work.
    assert statistics.median(work.answers[503]) < WORK_SECONDS / 4, seen
    assert set(health.answers) == {200}
    assert after - before < GROWTH_MB, seen
