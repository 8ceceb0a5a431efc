"""`make release`: changelog, tag, build and smoke test, or nothing at all."""

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from moving import git, write
from test_distribution import sources

PERSON = {"user.name": "t", "user.email": "t@localhost"}
CHANGELOG = "# Changelog\n\n## Unreleased\n\n- Something new.\n"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy this checkout as a repository of its own, committed, on `main`."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", "2")
    for number, (key, value) in enumerate(PERSON.items()):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", key)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", value)
    folder = sources(tmp_path / "checkout")
    write(folder, {"CHANGELOG.md": CHANGELOG})
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "start")
    return folder


def release(checkout: Path, version: str) -> "subprocess.CompletedProcess[str]":
    """Run what `make release` runs."""
    return subprocess.run(
        [sys.executable, "scripts/release.py", version],
        cwd=checkout, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_a_release_from_the_changelog_to_the_tested_wheel(checkout: Path) -> None:
    done = release(checkout, "0.9.0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "git push origin main v0.9.0" in done.stdout
    assert git(checkout, "status", "--porcelain", "--untracked-files=no") == ""
    subjects = git(checkout, "log", "--format=%s%d").splitlines()
    assert subjects[0].startswith("Begin 0.9.1.dev0")
    assert "tag: v0.9.0" in subjects[1]
    assert git(checkout, "cat-file", "-t", "v0.9.0") == "tag\n"
    told = (checkout / "CHANGELOG.md").read_text().splitlines()
    assert told[2] == "## Unreleased"
    assert told[4].startswith("## 0.9.0 (")
    assert told[6] == "- Something new."
    built = sorted(path.name for path in (checkout / "dist").iterdir())
    assert built == ["fastgen_fastapi-0.9.0-py3-none-any.whl", "fastgen_fastapi-0.9.0.tar.gz"]
    with zipfile.ZipFile(checkout / "dist" / built[0]) as wheel:
        assert wheel.read("generator/_template.commit") == b"v0.9.0\n"
        assert b'"0.9.0"' in wheel.read("generator/__init__.py")


def dirty(checkout: Path) -> None:
    write(checkout, {"CHANGELOG.md": f"{CHANGELOG}- More.\n"})


def tagged(checkout: Path) -> None:
    git(checkout, "tag", "v0.9.0")


def nothing_new(checkout: Path) -> None:
    write(checkout, {"CHANGELOG.md": CHANGELOG.replace("- Something new.\n", "")})
    git(checkout, "commit", "-qam", "empty")


def detached(checkout: Path) -> None:
    git(checkout, "checkout", "-q", "--detach")


@pytest.mark.parametrize(
    ("version", "prepare", "told"),
    [
        ("0.9", None, "write the version as X.Y.Z"),
        ("0.9.0.dev1", None, "write the version as X.Y.Z"),
        ("new", None, "`new` is no version"),
        ("0.9.0", dirty, "not committed:"),
        ("0.9.0", tagged, "the tag v0.9.0 exists"),
        ("0.9.0", nothing_new, "says nothing under"),
        ("0.9.0", detached, "no branch is checked out"),
    ],
)
def test_what_is_refused_leaves_the_repository_as_it_was(
    checkout: Path, version: str, prepare: Callable[[Path], None] | None, told: str
) -> None:
    if prepare:
        prepare(checkout)
    before = git(checkout, "log", "--all", "--format=%H%d"), git(checkout, "status", "--porcelain")
    done = release(checkout, version)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    after = git(checkout, "log", "--all", "--format=%H%d"), git(checkout, "status", "--porcelain")
    assert after == before
    assert not (checkout / "dist").exists()
