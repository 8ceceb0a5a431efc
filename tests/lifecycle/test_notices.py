"""What a change asks of the person, told in text and with `--json`."""

import json
from pathlib import Path
from typing import Any

import pytest
from command import Inside
from moving import QUESTIONS, World

from generator.errors import ExitCode

Consequences = list[dict[str, Any]]
MIGRATIONS = """\
    - name: schema
      migrations: {files: "versions/*.py", models: "app/*/models.py", apply: migrate, write: revise}
"""
SCHEMA = QUESTIONS.replace("    []\n", MIGRATIONS)
FIRST, MODELS = "versions/0001_first.py", "app/shop/models.py"
FILES = {
    "copier.yml": SCHEMA,
    f"template/{FIRST}": "one\n",
    "template/versions/README.md": "read me\n",
    f"template/{MODELS}": "class Product: pass\n",
}
PROJECT = """\
[project]
name = "demo"
requires-python = ">=3.11"
dependencies = ["fastapi>=1,<2", "redis>=8"]
[dependency-groups]
dev = ["pytest>=9"]
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Prepare a project whose template has migrations."""
    return World(tmp_path / "world", files=FILES)


def told(inside: Inside, world: World, *command: str) -> Consequences:
    """Run a command without applying it; give what it says to programs."""
    done = inside(*(command or ("update",)), "--dry-run", "--json", *world.options)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert len(document["notices"]) == len(document["consequences"])
    found: Consequences = document["consequences"]
    return found


def test_a_feature_that_comes_and_goes(tmp_path: Path, inside: Inside) -> None:
    questions = QUESTIONS.replace("title: cache on Redis,", "title: cache on Redis, needs: Redis,")
    world = World(tmp_path / "w", files={"copier.yml": questions})
    example = "redis://localhost"
    assert told(inside, world, "set", "cache=redis") == [
        {"kind": "feature", "change": "new", "title": "cache on Redis"},
        {"kind": "service", "change": "start", "name": "Redis"},
        {
            "kind": "environment", "change": "new", "name": "APP_CACHE__URL", "required": True,
            "example": example,
        },
        {"kind": "step", "command": "start redis"},
    ]  # fmt: skip
    inside("set", "cache=redis", *world.options)
    world.edit({})
    assert told(inside, world, "set", "cache=none") == [
        {"kind": "feature", "change": "gone", "title": "cache on Redis"},
        {"kind": "service", "change": "stop", "name": "Redis"},
        {"kind": "environment", "change": "gone", "name": "APP_CACHE__URL", "required": False},
    ]


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("required: false", "required: true", "required"),
        ("redis://localhost", "rediss://localhost", "changed"),
        ("redis://localhost", "redis://127.0.0.1", None),
    ],
)
def test_a_variable_that_changes(
    tmp_path: Path, inside: Inside, old: str, new: str, change: str | None
) -> None:
    before = QUESTIONS.replace("required: true", "required: false")
    world = World(tmp_path / "w", {"cache": "redis"}, files={"copier.yml": before})
    world.release_files({"copier.yml": before.replace(old, new)})
    found = [one["change"] for one in told(inside, world) if one["kind"] == "environment"]
    assert found == ([change] if change else [])


def test_dependencies_are_compared_and_the_next_step_installs_them(
    tmp_path: Path, inside: Inside
) -> None:
    world = World(tmp_path / "w", files={"template/pyproject.toml": PROJECT})
    newer = PROJECT.replace("fastapi>=1,<2", "fastapi>=2,<3").replace('"redis>=8"', '"hiredis"')
    world.release_files({"template/pyproject.toml": newer.replace(">=3.11", ">=3.12")})
    assert told(inside, world) == [
        {"kind": "dependency", "change": "new", "names": ["hiredis"], "now": ["hiredis"]},
        {"kind": "dependency", "change": "gone", "names": ["redis"], "now": ["redis"]},
        {
            "kind": "dependency", "change": "changed", "names": ["fastapi", "python"],
            "now": ["fastapi>=2,<3", "python>=3.12"],
        },
    ]  # fmt: skip
    done = inside("update", *world.options)
    assert "dependencies, changed: fastapi>=2,<3, python>=3.12\n" in done.stdout
    following = done.stdout.partition("\nNext:\n")[2].splitlines()
    assert "uv sync" in following[0] or "pip install" in following[0]


def test_a_project_with_a_lock_file_locks_anew(
    tmp_path: Path, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generator.cli.steps.shutil.which", lambda _: "/usr/bin/uv")
    world = World(tmp_path / "w", files={"template/pyproject.toml": PROJECT})
    world.edit({"uv.lock": "locked\n"})
    world.release_files({"template/pyproject.toml": PROJECT.replace('"redis>=8"', "")})
    done = inside("update", *world.options)
    assert "Next:\n  uv lock && uv sync && git add uv.lock\n" in done.stdout


def test_a_change_without_dependencies_installs_nothing(tmp_path: Path, inside: Inside) -> None:
    world = World(tmp_path / "w", files={"template/pyproject.toml": PROJECT})
    world.release_files({"template/pyproject.toml": f"{PROJECT}[tool.ruff]\nline-length = 99\n"})
    assert told(inside, world) == []
    assert "Next:\n  git diff HEAD\n" in inside("update", *world.options).stdout


def test_a_new_migration_is_to_be_run(world: World, inside: Inside) -> None:
    second = "versions/0002_second.py"
    models = "class Product: weight = 1\n"
    world.release_files({f"template/{second}": "two\n", f"template/{MODELS}": models})
    assert told(inside, world) == [
        {"kind": "migration", "change": "new", "path": second, "beside": []}
    ]
    assert f"new migration {second}: `migrate`\n" in inside("update", *world.options).stdout


def test_a_new_migration_beside_the_persons_own_has_to_be_put_in_order(
    world: World, inside: Inside
) -> None:
    mine, second = "versions/0002_mine.py", "versions/0002_second.py"
    world.edit({mine: "mine\n"})
    world.release_files({f"template/{second}": "two\n"})
    assert told(inside, world) == [
        {"kind": "migration", "change": "new", "path": second, "beside": [mine]}
    ]


def test_a_migration_that_may_have_run_already(world: World, inside: Inside) -> None:
    world.release_files({f"template/{FIRST}": "another\n", "template/versions/README.md": "new\n"})
    assert told(inside, world) == [{"kind": "migration", "change": "changed", "path": FIRST}]
    world.release_files({f"template/{FIRST}": None}, "v3.0.0")
    assert told(inside, world) == [{"kind": "migration", "change": "gone", "path": FIRST}]


def test_models_that_change_alone_want_a_migration(world: World, inside: Inside) -> None:
    models = "class Product: weight = 1\n"
    world.release_files({f"template/{MODELS}": models})
    assert told(inside, world) == [{"kind": "migration", "change": "write", "paths": [MODELS]}]
    world.edit({MODELS: models})
    assert told(inside, world) == []


def test_migrations_of_the_person_that_nothing_reads_any_more(world: World, inside: Inside) -> None:
    mine = "versions/0002_mine.py"
    world.edit({mine: "mine\n"})
    elsewhere = SCHEMA.replace("versions/*.py", "elsewhere/*.py")
    world.release_files({"copier.yml": elsewhere})
    assert told(inside, world) == [{"kind": "migration", "change": "unread", "path": mine}]


def test_data_stay_in_the_database_that_is_left(tmp_path: Path, inside: Inside) -> None:
    questions = QUESTIONS.replace("    []\n", "    - {name: sqlite, keeps: SQLite}\n").replace(
        "title: cache on Redis,", "keeps: Redis,"
    )
    world = World(tmp_path / "w", files={"copier.yml": questions})
    found = [one for one in told(inside, world, "set", "cache=redis") if one["kind"] == "migration"]
    assert found == [{"kind": "migration", "change": "database", "from": "SQLite", "to": "Redis"}]


def test_services_and_secrets_of_compose(tmp_path: Path, inside: Inside) -> None:
    path = "template/compose.yaml"
    world = World(tmp_path / "w", files={path: "services: {app: {}, old: {}}\n"})
    newer = "services: {app: {}, cache: {}, worker: {}}\nsecrets: {url: {}}\n"
    world.release_files({path: newer})
    assert told(inside, world) == [
        {"kind": "container", "change": "new", "services": ["cache", "worker"]},
        {"kind": "container", "change": "gone", "services": ["old"]},
        {"kind": "container", "change": "new", "secrets": ["url"]},
    ]
    assert "compose.yaml: new services cache, worker\n" in inside("update", *world.options).stdout


@pytest.mark.parametrize("content", ["services: [", "- a\n", b"\xff", None])
def test_files_that_cannot_be_read_are_not_compared(
    tmp_path: Path, inside: Inside, content: str | bytes | None
) -> None:
    names = ("template/compose.yaml", "template/pyproject.toml")
    world = World(tmp_path / "w", files=dict.fromkeys(names, "a: {}\n"))
    world.release_files(dict.fromkeys(names, content))
    assert told(inside, world) == []


@pytest.mark.slow
def test_the_real_template_tells_what_a_change_asks_for(tmp_path: Path, inside: Inside) -> None:
    assert inside("new", "demo", "--defaults", "--no-lock").returncode == 0
    options = ("--project", str(tmp_path / "demo"), "--dry-run")
    done = inside("set", "db_driver=asyncpg", "cache=redis", *options)
    assert done.returncode == ExitCode.DONE
    for line in (
        "to start: PostgreSQL",
        "to start: Redis or Valkey",
        "environment variable APP_DATABASE__URL must be set, for example postgresql://",
        "the data in SQLite stay there; PostgreSQL begins empty: ",
        "dependencies, new: asyncpg",
        "compose.yaml: new services ",
    ):
        assert line in done.stdout
    done = inside("set", "example=no", *options)
    assert "migration migrations/versions/0001_initial.py is gone" in done.stdout
