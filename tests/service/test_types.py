"""Strict types over every two choices that change the code, in one environment with all packages.

An environment for each project would check the same libraries again and again; that a project
declares what it imports is another test's matter (`test_combinations.py`, `test_lock.py`, the boot matrix).
"""

import fcntl
import subprocess
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest
from combinations import named
from harness import environment_with_all, render
from matrix import rows

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("row", range(len(rows())), ids=[named(row) for row in rows()])
def test_types_are_strict(row: int, tmp_path: Path) -> None:
    project = render(tmp_path / "demo", **rows()[row])
    python = environment_with_all()
    # mypy throws a cache away when its options change, and they follow the choices.
    options = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "mypy"
    ]
    cache = python.parents[1] / f"mypy-{sha256(repr(options).encode()).hexdigest()[:8]}"
    # Checked here alone: projects do not install the tools of load tests to check their types.
    folders = [name for name in ("app", "tests", "loadtest") if (project / name).is_dir()]
    command = [str(python), "-m", "mypy", "--cache-dir", str(cache), *folders]
    with cache.with_suffix(".lock").open("w") as lock:
        # Two processes must not write one cache at the same time.
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n[{named(rows()[row])}]"
