"""Runs JMeter without its window, and decides by the samples that it wrote.

The plan (`plan.jmx`) takes its requests from a file that is drawn from `mix.toml` beforehand.
"""

import csv
import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path
from subprocess import DEVNULL
from urllib.parse import urlsplit

from loadtest.plan import Plan
from loadtest.samples import read_samples
from loadtest.scenario import Request, Requests
from loadtest.service import NotStartedError
from loadtest.verdict import decide

PLAN = Path(__file__).parent / "plan.jmx"
SHORTEST_PAUSE = 0.05
"""Seconds: with shorter ones the file of requests would be used up before the end."""


def run(address: str, plan: Plan, folder: Path, stood_in: bool) -> bool:
    """Load the address; `folder/report/index.html` shows how it went."""
    program = shutil.which("jmeter")
    if program is None:
        raise NotStartedError("there is no command `jmeter`: https://jmeter.apache.org")
    requests = Requests(plan)
    requests.seed(address)
    seconds = plan.load.ramp_seconds + plan.load.seconds
    # As many as all users can send at most: none comes twice.
    shortest = max(plan.load.think_seconds / 2, SHORTEST_PAUSE)
    number = int(plan.users * (2 + seconds / shortest))
    write_requests(folder / "requests.csv", list(islice(requests.mix(stood_in=stood_in), number)))
    samples, report = folder / "samples.csv", folder / "report"
    command = [
        *(program, "-n", "-t", str(PLAN), "-l", str(samples), "-j", str(folder / "jmeter.log")),
        *("-e", "-o", str(report)),
        *(f"-J{name}={value}" for name, value in _properties(address, plan, folder).items()),
    ]
    done = subprocess.run(command, stdin=DEVNULL, stdout=DEVNULL, check=False)  # noqa: S603
    if done.returncode or not samples.is_file():
        sys.stderr.write(f"JMeter ended with {done.returncode}: see {folder / 'jmeter.log'}\n")
        return False
    met = decide(read_samples(samples, plan.load.ramp_seconds), plan.targets)
    sys.stdout.write(f"report: {report / 'index.html'}\n")
    return met


def write_requests(path: Path, requests: list[Request]) -> None:
    """Write what JMeter sends, one request a line."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="\t", lineterminator="\n").writerows(requests)


def _properties(address: str, plan: Plan, folder: Path) -> dict[str, str]:
    """What the plan asks for with `${__P(name)}`, and in which form samples are written."""
    url, load = urlsplit(address), plan.load
    return {
        "load.protocol": url.scheme,
        "load.host": url.hostname or "",
        "load.port": str(url.port or {"https": 443}.get(url.scheme, 80)),
        "load.prefix": url.path,
        "load.requests": str(folder / "requests.csv"),
        "load.users": str(plan.users),
        "load.ramp": f"{load.ramp_seconds:.0f}",
        "load.seconds": f"{load.ramp_seconds + load.seconds:.0f}",
        "load.pause": f"{500 * load.think_seconds:.0f}",
        "load.spread": f"{1000 * load.think_seconds:.0f}",
        "jmeter.save.saveservice.output_format": "csv",
        "jmeter.save.saveservice.print_field_names": "true",
        "jmeter.save.saveservice.timestamp_format": "ms",
    }
