"""What every kind of test shares: running the command as a person does."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import ROOT, Ended, Fastgen, Inside, run_inside


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Name the group of a test behind its id, where `--dist loadgroup` looks for it.

    xdist 3.8 does so in an attribute that pytest 9.2 has given up: groups were torn apart, and
    what they share was made in each process.
    """
    if not getattr(config.option, "loadgroup", False):
        return
    for item in items:
        group = item.get_closest_marker("xdist_group")
        parse = getattr(getattr(item, "id", None), "parse", None)
        if group and parse and "@" not in item.nodeid.rpartition("]")[2]:
            item._id = parse(f"{item.nodeid}@{group.args[0]}")


@pytest.fixture
def command_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give an environment with this checkout's package, and a git that knows one person."""
    home = tmp_path_factory.mktemp("home")
    (home / ".gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.com\n")
    foreign = {"NO_COLOR", "FORCE_COLOR", "GIT_DIR", "GIT_CONFIG_GLOBAL", "XDG_CONFIG_HOME"}
    kept = {key: value for key, value in os.environ.items() if key not in foreign}
    identity = {key for key in kept if key.startswith(("GIT_AUTHOR_", "GIT_COMMITTER_"))}
    own = {key: value for key, value in kept.items() if key not in identity}
    # Shared by the workers of a run: a home of its own would compile every template again.
    cache = tmp_path_factory.getbasetemp().parent / "cache"
    shared = {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(cache)}
    return {**own, **shared, "HOME": str(home), "PYTHONUTF8": "1"}


@pytest.fixture
def fastgen(tmp_path: Path, command_environment: dict[str, str]) -> Fastgen:
    """Run `fastgen` in a process of its own, without a terminal."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "generator", *arguments],
            cwd=tmp_path,
            env=command_environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Inside]:
    """Run `fastgen` within the test; the signal handlers that it sets are put back."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Ended:
        return run_inside(arguments, monkeypatch, capsys)

    yield run
    for number, handler in before.items():
        signal.signal(number, handler)
