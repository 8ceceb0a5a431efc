"""`make freshness` names the package that breaks a project."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import freshness  # type: ignore[import-not-found]  # noqa: E402 - a script
import harness  # noqa: E402 - that the script has put on the path

WITHIN = {"good": "1.0", "bad": "1.4", "same": "3.0"}
NEWEST = {"good": "2.0", "bad": "2.0", "same": "3.0"}


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Note what is installed; the project breaks with `bad` 2.0."""
    found: list[list[str]] = []

    def attempt(_project: harness.Project, wanted: list[str], _folder: Path) -> freshness.Result:
        found.append(wanted)
        return freshness.Result("E  it broke" if "bad==2.0" in wanted else "", WITHIN)

    monkeypatch.setattr(freshness, "attempt", attempt)
    monkeypatch.setattr(
        harness, "requirements_of", lambda _: ["good>=1,<2", "bad>=1,<2", "same>=3,<4"]
    )
    return found


def test_the_package_that_breaks_it_is_named(tried: list[list[str]], tmp_path: Path) -> None:
    project = harness.Project(tmp_path, Path(sys.executable))
    newest = freshness.Result("E  it broke", NEWEST)
    assert freshness.culprits(project, newest, tmp_path) == ["bad 1.4 -> 2.0: E  it broke"]
    assert tried[1:] == [
        ["bad>=1,<2", "same>=3,<4", "good==2.0"],
        ["good>=1,<2", "same>=3,<4", "bad==2.0"],
    ]


def test_upper_bounds_alone_are_dropped() -> None:
    assert freshness.unbounded("saq[redis]>=0.26.4,<0.27") == "saq[redis]>=0.26.4"
    assert freshness.unbounded("types-pyyaml") == "types-pyyaml"


def test_a_package_tried_alone_keeps_its_extras() -> None:
    bounded = ["uvicorn[standard]>=0.53,<0.54", "anyio>=4"]
    assert freshness.alone(bounded, "uvicorn", "0.54.0") == [
        "anyio>=4",
        "uvicorn[standard]==0.54.0",
    ]
    assert freshness.alone(bounded, "click", "9.0") == [*bounded, "click==9.0"]
