"""Runs Locust without its web page; `locustfile.py` decides."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from subprocess import DEVNULL

from loadtest.plan import Plan
from loadtest.service import NotStartedError

LOCUSTFILE = Path(__file__).parent / "locustfile.py"


def run(address: str, plan: Plan, folder: Path, stood_in: bool) -> bool:
    """Load the address; `folder/report.html` shows how it went."""
    if find_spec("locust") is None:
        raise NotStartedError("there is no Locust: `uv run --with locust python -m loadtest`")
    users, load = plan.users, plan.load
    command = [
        *(sys.executable, "-m", "locust", "--locustfile", str(LOCUSTFILE), "--host", address),
        *("--headless", "--only-summary", "--users", str(users)),
        *("--spawn-rate", f"{users / load.ramp_seconds:.3f}", "--reset-stats"),
        *("--run-time", f"{load.ramp_seconds + load.seconds:.0f}s", "--stop-timeout", "10"),
        *("--html", str(folder / "report.html"), "--csv", str(folder / "locust")),
    ]
    given = {
        "LOADTEST_REQUESTS_PER_SECOND": str(plan.targets.requests_per_second),
        "LOADTEST_STOOD_IN": "yes" if stood_in else "",
    }
    done = subprocess.run(command, env={**os.environ, **given}, stdin=DEVNULL, check=False)  # noqa: S603
    sys.stdout.write(f"report: {folder / 'report.html'}\n")
    return done.returncode == 0
