"""What this machine gives the process: CPUs and memory, as the container's limits say.

`os.cpu_count()` counts the host's cores; a container may have a quota far below them. The limits
of the process's own control group and of all its ancestors hold at once, so the least one counts.
"""

import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
PROCESS_GROUPS = Path("/proc/self/cgroup")
UNLIMITED_BYTES = 2**60
"""Version 1 of the interface says "no limit" with a number near 2**63."""


def available_cpus() -> float:
    """CPUs that this process may use: the affinity mask, cut by the least CPU quota."""
    affinity = float(len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else 1.0
    return min([affinity, *_quotas()])


def available_memory_mb() -> float | None:
    """The least memory limit in MB (2**20 bytes), None where there is none."""
    limits = [
        int(text)
        for group in _groups("memory")
        for name in ("memory.max", "memory.limit_in_bytes")
        if (text := _read(group / name)).isdigit()
    ]
    limited = [limit for limit in limits if limit < UNLIMITED_BYTES]
    return min(limited) / 2**20 if limited else None


def _quotas() -> Iterator[float]:
    for group in _groups("cpu"):
        match _read(group / "cpu.max").split():
            case [quota, period] if quota.isdigit():
                yield int(quota) / int(period)
        quota, period = _read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit():
            yield int(quota) / int(period)


def _groups(controller: str) -> Iterator[Path]:
    """The directories of the process's control group for `controller` and of its ancestors."""
    for line in _read(PROCESS_GROUPS).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = CGROUPS / controllers if controllers else CGROUPS
        inner = Path(path.lstrip("/"))
        # Inside a container the path may name directories of the host: the root stands for them.
        yield from (root / part for part in (inner, *inner.parents))
        if controllers:
            yield CGROUPS / controller


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
