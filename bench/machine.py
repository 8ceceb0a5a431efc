"""Processors and memory: who runs where, and what a service uses with all its processes."""

import os
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path

ALL = frozenset(os.sched_getaffinity(0))
SERVER = frozenset(sorted(ALL)[:1])
"""Where the server runs when it has a processor to itself."""
OTHERS = (ALL - SERVER) or ALL
"""Where the load generator and the database run then."""

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@contextmanager
def pinned(processors: Set[int]) -> Iterator[None]:
    """Start processes on these processors alone: they inherit it from the one that starts them."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def tree(process: int) -> list[int]:
    """List a process and all below it."""
    found = [process]
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        found += [one for child in task.read_text("ascii").split() for one in tree(int(child))]
    return found


def processor_seconds(process: int) -> float:
    """Processor time that one process has used."""
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mb(process: int) -> float:
    """Memory of one process that is in RAM, what it shares included."""
    return int(Path(f"/proc/{process}/statm").read_text("ascii").split()[1]) * PAGE / 2**20


def busiest(process: int, count: int) -> list[int]:
    """Find the workers of a service: the processes that have worked most."""
    return sorted(tree(process), key=processor_seconds, reverse=True)[:count]
