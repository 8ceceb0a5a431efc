"""How many worker processes start on this machine, and what is prepared for them."""

import atexit
import logging
import math
import os

from app.components import COMPONENTS
from app.machine import available_cpus, available_memory_mb
from app.settings import ServerSettings, Settings

SUPERVISOR_MB = 40
"""Memory of the parent process."""
MEMORY_SHARE = 0.8
"""The rest of the limit is for peaks: a worker that is killed takes its requests with it."""

logger = logging.getLogger("app.workers")


def prepare(settings: Settings) -> int:
    """Decide the number of worker processes, tell it to them, prepare the components."""
    workers, reason = decide(settings.server)
    logger.info("starting %d worker processes: %s", workers, reason)
    # The workers read their settings anew: this is how they learn how many they are.
    os.environ["APP_SERVER__WORKERS"] = str(workers)
    settings.server.workers = workers
    for component in COMPONENTS:
        if component.prepare is not None:
            component.prepare(settings)
    atexit.register(release)
    return workers


def release() -> None:
    """Take back what was prepared for the worker processes; they have ended."""
    for component in COMPONENTS:
        if component.release is not None:
            component.release()


def decide(server: ServerSettings) -> tuple[int, str]:
    """The number of worker processes and a sentence that says why.

    `WEB_CONCURRENCY` wins. Otherwise it is the planned number, cut in proportion where the machine
    has fewer CPUs than planned, and cut to what its memory holds.
    """
    given = os.environ.get("WEB_CONCURRENCY", "").strip()
    if given.isdigit() and int(given) > 0:
        return int(given), f"WEB_CONCURRENCY={given}"
    cpus, memory = available_cpus(), available_memory_mb()
    by_cpu = max(1, math.floor(server.workers * min(1.0, cpus / server.planned_cpus)))
    reason = f"{server.workers} planned for {server.planned_cpus:g} CPUs, {cpus:g} here"
    if memory is None:
        return by_cpu, reason
    by_memory = math.floor((MEMORY_SHARE * memory - SUPERVISOR_MB) / server.worker_memory_mb)
    return max(1, min(by_cpu, by_memory)), f"{reason}; {memory:.0f} MB hold {max(by_memory, 0)}"
