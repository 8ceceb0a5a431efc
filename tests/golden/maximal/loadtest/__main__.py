"""`python -m loadtest` starts the service, loads it, writes a report, and ends with 1 if a target is missed."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from loadtest import with_jmeter, with_locust
from loadtest.plan import Plan, read_plan
from loadtest.service import NotStartedError, started

RESULTS = Path(__file__).parent / "results"
Tool = Callable[[str, Plan, Path, bool], bool]
"""Loads an address by the plan, writes its report into a folder; tells whether the targets are met."""
TOOLS: dict[str, Tool] = {"locust": with_locust.run, "jmeter": with_jmeter.run}


def main() -> int:
    """Run the tools that are asked for."""
    parser = argparse.ArgumentParser("python -m loadtest", description=__doc__)
    parser.add_argument("tool", nargs="*", help=f"{', '.join(TOOLS)}; all of them if none is named")
    parser.add_argument("--url", help="load this service, which runs already")
    asked = parser.parse_args()
    if unknown := set(asked.tool) - set(TOOLS):
        parser.error(f"{unknown.pop()} is none of: {', '.join(TOOLS)}")
    try:
        met = [_run(tool, asked.url) for tool in asked.tool or TOOLS]
    except NotStartedError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0 if all(met) else 1


def _run(tool: str, url: str | None) -> bool:
    folder = RESULTS / f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}-{tool}"
    folder.mkdir(parents=True)
    (RESULTS / ".gitignore").write_text("*\n", encoding="utf-8")
    plan = read_plan()
    if url:
        return TOOLS[tool](url.rstrip("/"), plan, folder, False)
    share = plan.targets.requests_per_second / plan.targets.replicas
    one = replace(plan, targets=replace(plan.targets, requests_per_second=share))
    with started(one.service, folder) as address:
        return TOOLS[tool](address, one, folder, True)


if __name__ == "__main__":
    sys.exit(main())
