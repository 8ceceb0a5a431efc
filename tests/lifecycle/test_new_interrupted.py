"""A `fastgen new` that is stopped leaves the whole project or nothing."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command import ROOT

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "generator", "new", "demo", "--defaults", "--no-lock"]


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> int:
    """Count the files of a finished project."""
    folder = tmp_path_factory.mktemp("complete")
    subprocess.run(
        [*COMMAND, "--no-git"], cwd=folder, check=True, capture_output=True,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    return count(folder / "demo")


def count(project: Path) -> int:
    paths = (path.relative_to(project) for path in project.rglob("*") if path.is_file())
    return sum(1 for path in paths if path.parts[0] != ".git")


def wait_for_staging(folder: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until rendering has begun (there is a file beside the target) or the run is over."""
    while process.poll() is None:
        if any(path.is_file() for path in folder.glob(".demo.fastgen-*/demo/*")):
            return
        time.sleep(0.002)


def staged(folder: Path) -> int:
    """Count what is rendered beside the target so far."""
    return sum(path.is_file() for path in folder.glob(".demo.fastgen-*/demo/**/*"))


def start_and_hold(
    parent: Path, environment: dict[str, str], complete: int
) -> tuple[Path, subprocess.Popen[bytes]]:
    """Start in a new folder, and stop the process in the midst of rendering; its folder.

    On a busy machine a run can be over before it is seen to have begun: then another one is started.
    """
    for attempt in range(20):
        folder = parent / str(attempt)
        folder.mkdir()
        process = start(folder, environment)
        wait_for_staging(folder, process)
        process.send_signal(signal.SIGSTOP)
        if 0 < staged(folder) < complete:
            return folder, process
        process.kill()
        process.communicate()
    pytest.fail("no run was seen while it rendered")


def start(folder: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        COMMAND, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=heed_interrupts,
    )  # fmt: skip


def heed_interrupts() -> None:
    """What a shell starts in the background ignores SIGINT, and so do tests that it runs there."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_removes_what_it_wrote(
    tmp_path: Path, command_environment: dict[str, str], complete: int, number: signal.Signals
) -> None:
    folder, process = start_and_hold(tmp_path, command_environment, complete)
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert list(folder.iterdir()) == []
    assert b"Traceback" not in told


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.2, 0.4, 0.6])
def test_a_killed_run_leaves_all_or_nothing_and_the_next_run_cleans_up(
    tmp_path: Path, command_environment: dict[str, str], complete: int, delay: float
) -> None:
    process = start(tmp_path, command_environment)
    wait_for_staging(tmp_path, process)
    time.sleep(delay)
    process.kill()
    process.communicate(timeout=60)
    if (tmp_path / "demo").exists():
        assert count(tmp_path / "demo") == complete
        return
    assert list(tmp_path.glob(".demo.fastgen-*"))
    assert start(tmp_path, command_environment).wait(timeout=60) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]
    assert count(tmp_path / "demo") == complete
