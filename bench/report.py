"""Shared by the benchmarks: interleaved timing, medians, and a section of `bench/README.md`."""

import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

README = Path(__file__).parent / "README.md"


def interleaved(contenders: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Run every contender once per round, in turn, so that noise falls on all alike.

    Each contender returns what it has measured: a figure, or several.
    """
    measured: dict[str, list[T]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            measured[name].append(run())
    return measured


def timed(
    command: Sequence[str], cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> float:
    """Wall time of one command in seconds; its failure is an error."""
    started = time.perf_counter()
    subprocess.run(command, cwd=cwd, env=env, check=True, capture_output=True)
    return time.perf_counter() - started


def table(
    figures: Mapping[str, Sequence[float]], reference: str, unit: str, precision: int = 3
) -> str:
    """A Markdown table of medians, spreads and ratios to the median of `reference`."""
    base = statistics.median(figures[reference])
    lines = [f"| case | median {unit} | min-max | ratio |", "|---|---|---|---|"]
    for name, values in figures.items():
        median = statistics.median(values)
        spread = f"{min(values):.{precision}f}-{max(values):.{precision}f}"
        lines.append(f"| {name} | {median:.{precision}f} | {spread} | {median / base:.2f} |")
    return "\n".join(lines)


def versions(*packages: str, python: Path | None = None) -> str:
    """One line that says what was measured, and on what; `python` has the packages, or this one."""
    listing = "import sys, importlib.metadata as m; print(*map(m.version, sys.argv[1:]))"
    command = [str(python or sys.executable), "-c", listing, *packages]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    named = ", ".join(f"{name} {version}" for name, version in zip(packages, found, strict=True))
    return f"Python {platform.python_version()}, {named}; {platform.machine()}."


def publish(title: str, command: str, body: str) -> None:
    """Print the results and replace the section `title` of `bench/README.md` with them."""
    section = f"## {title}\n\nRepeat with `{command}`.\n\n{body.strip()}\n"
    print(section)  # noqa: T201 - a benchmark prints its figures
    text = README.read_text(encoding="utf-8") if README.exists() else "# Benchmarks\n"
    before, marker, rest = text.partition(f"## {title}\n")
    after = rest[rest.index("\n## ") + 1 :] if marker and "\n## " in rest else ""
    parts = [before.rstrip(), section, after]
    README.write_text("\n\n".join(part for part in parts if part).rstrip() + "\n", encoding="utf-8")
