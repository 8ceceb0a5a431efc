"""`fastgen set`: features come and go, and nothing that the person wrote goes with them."""

import json
from pathlib import Path

import pytest
from command import Inside
from moving import LINES, World, commit, snapshot

from generator.errors import ExitCode

CACHE = LINES.replace("line", "cache")


@pytest.fixture
def plain(tmp_path: Path) -> World:
    return World(tmp_path / "world")


@pytest.fixture
def cached(tmp_path: Path) -> World:
    return World(tmp_path / "cached", {"cache": "redis", "queue": "arq"})


def test_a_feature_comes_with_its_files_and_notices(plain: World, inside: Inside) -> None:
    done = inside("set", "cache=redis", *plain.options)
    assert (done.returncode, plain.text("cache.py")) == (0, CACHE)
    assert "cache: none -> redis" in done.stdout
    assert "queue: - -> none (new question, its default)" in done.stdout
    assert "environment variable APP_CACHE__URL must be set" in done.stdout
    assert "run: start redis" in done.stdout
    assert "_commit: v1.0.0" in plain.text(".copier-answers.yml")


def test_there_and_back_leaves_no_trace(plain: World, inside: Inside) -> None:
    before = snapshot(plain.project)
    for change in ("cache=redis", "cache=none"):
        assert inside("set", change, *plain.options).returncode == 0
        commit(plain.repository)
    assert snapshot(plain.project) == before


def test_the_version_stays(plain: World, inside: Inside) -> None:
    plain.release(main_py="newer\n")
    assert inside("set", "size=2", *plain.options).returncode == 0
    assert plain.text("main.py") == LINES
    assert "size: 2" in plain.text("README.md")


def test_an_edited_file_of_a_dropped_feature_is_a_conflict(cached: World, inside: Inside) -> None:
    mine = CACHE.replace("cache 3\n", "mine\n")
    cached.edit({"cache.py": mine, "cache_more.py": "mine too\n"})
    done = inside("set", "cache=none", *cached.options)
    assert done.returncode == ExitCode.CONFLICTS
    assert cached.text("cache.py") == mine
    assert cached.text("cache_more.py") == "mine too\n"
    assert cached.status()["cache.py"] == "UD"


def test_an_untouched_file_of_a_dropped_feature_goes(cached: World, inside: Inside) -> None:
    done = inside("set", "cache=none", "--json", *cached.options)
    told = json.loads(done.stdout)
    assert told["files"]["deleted"] == ["cache.py"]
    assert told["answers"]["queue"] == {"from": "arq", "to": None}
    assert "gone: cache on Redis" in told["notices"]
    assert not (cached.project / "cache.py").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("color=red", "`color` is no question"),
        ("plan=1", "`plan` is computed"),
        ("queue=arq", "`queue` does not apply with `cache=none`"),
        ("size=12", "`size` cannot be 12: `size` is over 9"),
        ("cache=disk", "`cache` cannot be disk"),
        ("cache", "`cache` has no value"),
    ],
)
def test_impossible_answers_are_refused(
    plain: World, inside: Inside, change: str, told: str
) -> None:
    before = snapshot(plain.project)
    done = inside("set", change, *plain.options)
    assert done.returncode == ExitCode.USAGE
    assert told in done.stderr
    assert "hint:" in done.stderr
    assert (snapshot(plain.project), plain.status()) == (before, {})


def test_an_answer_given_twice_is_refused(plain: World, inside: Inside) -> None:
    done = inside("set", "size=2", "size=3", *plain.options)
    assert done.returncode == ExitCode.USAGE
    assert "two answers to `size`" in done.stderr


def test_the_same_answer_changes_nothing(plain: World, inside: Inside) -> None:
    done = inside("set", "size=1", *plain.options)
    assert (done.returncode, "nothing to change" in done.stderr) == (0, True)
    assert plain.status() == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("there", "back"),
    [
        (["cache=redis"], ["cache=memory"]),
        (["db_driver=asyncpg"], ["db_driver=aiosqlite"]),
        (["deployment=compose", "metrics=prometheus"], ["deployment=none", "metrics=none"]),
    ],
    ids=lambda changes: "-".join(changes),
)
def test_there_and_back_on_the_real_template(
    tmp_path: Path, inside: Inside, there: list[str], back: list[str]
) -> None:
    assert inside("new", "demo", "--defaults", "--no-lock").returncode == 0
    project = tmp_path / "demo"
    assert inside("set", *back, "--project", "demo").returncode == 0
    commit(project)
    before = snapshot(project)
    for changes in (there, back):
        done = inside("set", *changes, "--project", "demo")
        assert (done.returncode, done.stderr.count("in conflict")) == (0, 0)
        commit(project)
    assert snapshot(project) == before
