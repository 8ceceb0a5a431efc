"""Boot every project of the matrix and keep the table of what happened in `docs/boot-matrix.md`.

`make matrix`. The rows, and what is asked of each, are in `tests/service/matrix.py` and `test_matrix.py`.
With `--report` the table is that of a run that was made already, as `make test` leaves it.
"""

import argparse
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "boot-matrix.md"
HEAD = """# The boot matrix

Every two choices that change how a service runs, and can meet, are in one of these projects. Each was
migrated, started with two workers (and a queue worker) against real servers, asked once on every route,
robbed of its database and given it back, stopped by SIGTERM; its own tests passed. One in four had its
own packages alone, the others all that any project may have. Written by `make matrix`; the time says what
a row costs here, not how fast a service is.

"""


def run(report: Path) -> int:
    """Run the tests of the matrix; they write a JUnit report."""
    command = ["-m", "pytest", "-q", "-n", "3", "tests/service/test_matrix.py"]
    return subprocess.run(
        [sys.executable, *command, f"--junitxml={report}"], cwd=ROOT, check=False
    ).returncode


def table(report: Path) -> str:
    """One line for each project: its choices, its time, its result."""
    lines = ["| choices other than the defaults | seconds | result |", "|---|---|---|"]
    cases = ElementTree.parse(report).iter("testcase")  # noqa: S314 - the report is our own
    rows = {
        name.removeprefix("test_it_runs[").removesuffix("]"): case
        for case in cases
        if (name := case.get("name", "")).startswith("test_it_runs[")
    }
    for name, case in sorted(rows.items()):
        outcome = {child.tag for child in case} & {"failure", "error", "skipped"}
        seconds = float(case.get("time", "0"))
        lines.append(f"| {name} | {seconds:.0f} | {', '.join(outcome) or 'passed'} |")
    return "\n".join(lines)


def main() -> int:
    """Run, write the table, and give pytest's exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--report", type=Path, help="the JUnit report of a run")
    report: Path | None = parser.parse_args().report
    if report is not None:
        write(report)
        return 0
    with tempfile.TemporaryDirectory() as name:
        report = Path(name, "report.xml")
        code = run(report)
        write(report)
    return code


def write(report: Path) -> None:
    """Write the document."""
    python = f"Python {platform.python_version()}; the services in turn on every supported one."
    text = f"{HEAD}{python}\n\n{table(report)}\n"
    DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
