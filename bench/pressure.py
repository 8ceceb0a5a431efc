"""Load on a rendered service with `wrk`, and what it showed."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests" / "service"), str(ROOT / "tests")]

from harness import Server  # noqa: E402 - found through the path above
from report import interleaved, table  # noqa: E402

ROUNDS = 3
SECONDS = 4
CONNECTIONS = 32


@dataclass(frozen=True)
class Run:
    """What one run of the load generator showed."""

    rate: float
    """Requests per second."""
    slowest: float
    """The 99th percentile in milliseconds."""
    work: float
    """Processor time of the service for one request, in microseconds."""


def wrk(server: Server, path: str) -> Run:
    """Put load on a path for some seconds; answers that are no success are an error."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}", "--latency", server.address + path]
    before = processor_seconds(server)
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    used = processor_seconds(server) - before
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    count = re.search(r"(\d+) requests in", output)
    slow = re.search(r"99%\s+([\d.]+)(us|ms|s)", output)
    if "Non-2xx" in output or rate is None or count is None or slow is None:
        raise RuntimeError(output)
    milliseconds = float(slow[1]) * {"us": 0.001, "ms": 1, "s": 1000}[slow[2]]
    return Run(float(rate[1]), milliseconds, used / int(count[1]) * 1e6)


def processor_seconds(server: Server) -> float:
    """Processor time that the service's process has used."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rates(cases: Mapping[str, tuple[Server, str]], reference: str, note: str) -> str:
    """Tables of throughput and of processor time; the latter also holds on a busy machine."""
    runs: dict[str, list[Run]] = {name: [] for name in cases}

    def contender(name: str) -> Callable[[], float]:
        def run() -> float:
            runs[name].append(wrk(*cases[name]))
            return runs[name][-1].rate

        return run

    figures = interleaved({name: contender(name) for name in cases}, ROUNDS)
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
