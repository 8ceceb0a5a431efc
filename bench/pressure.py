"""Load on a service with `wrk`, and what it showed."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests" / "service"), str(ROOT / "tests")]

from harness import Server  # noqa: E402 - found through the path above
from machine import processor_seconds, tree  # noqa: E402
from report import interleaved, table  # noqa: E402

ROUNDS = 3
SECONDS = 4
CONNECTIONS = 32
REPORT = Path(__file__).parent / "load.lua"


@dataclass(frozen=True)
class Load:
    """What the load generator saw; times in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p95: float
    p99: float
    refused: int
    """Answers with an error."""
    lost: int
    """Requests without an answer."""

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds

    @property
    def errors(self) -> float:
        """Share of the requests that had no good answer."""
        return (self.refused + self.lost) / max(1, self.requests + self.lost)


@dataclass(frozen=True)
class Run:
    """What one run of the load generator showed."""

    rate: float
    """Requests per second."""
    middle: float
    """The median in milliseconds."""
    slowest: float
    """The 99th percentile in milliseconds."""
    work: float
    """Processor time of the service for one request, in microseconds."""


def wrk(address: str, seconds: int, *options: str) -> Load:
    """Put load on an address for some seconds."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "-s", str(REPORT), *options]
    done = subprocess.run([*command, address], check=True, capture_output=True, text=True)
    return Load(**json.loads(done.stdout.splitlines()[-1]))


def measured(server: Server, path: str, seconds: int = SECONDS) -> Run:
    """Put load on a path for some seconds; answers that are no success are an error."""
    before = work_of(server)
    load = wrk(server.address + path, seconds)
    used = work_of(server) - before
    if load.errors or not load.requests:
        raise RuntimeError(f"{path}: {load}\n{server.output()[-3000:]}")
    return Run(load.rate, load.p50, load.p99, used / load.requests * 1e6)


def work_of(server: Server) -> float:
    """Processor time that the service has used with all its processes."""
    return sum(processor_seconds(one) for one in tree(server.process.pid))


def rates(cases: Mapping[str, tuple[Server, str]], reference: str, note: str) -> str:
    """Tables of throughput and of processor time; the latter also holds on a busy machine."""
    runs = interleaved({name: partial(measured, *case) for name, case in cases.items()}, ROUNDS)
    figures = {name: [run.rate for run in done] for name, done in runs.items()}
    work = {name: [run.work for run in done] for name, done in runs.items()}
    slow = [f"{name} {median(run.slowest for run in done):.1f}" for name, done in runs.items()]
    return "\n\n".join(
        [
            f"### {note}",
            table(figures, reference, "requests/s", 0),
            table(work, reference, "us of the processor for one request", 0),
            f"99th percentile in ms: {', '.join(slow)}.",
        ]
    )
