"""A plan that cannot work is refused by plain copier and by the command, in the same words."""

import shutil
from pathlib import Path
from typing import Any

import copier
import pytest
from command import ROOT, Inside
from sizing_macros import environment

from generator.questions import load_catalog

CROWDED = {"db_driver": "asyncpg", "cpus": 8, "memory_mb": 8192, "replicas": 10}
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (
        "db_max_connections",
        CROWDED | {"db_max_connections": 100},
        "(10 + 3 replicas in a rolling deployment) x 8 workers x 2 connections = 208, but 91 of"
        " db_max_connections=100 are usable (3 reserved, 5 headroom, 1 for migrations)."
        " set db_max_connections to 224; or set replicas to 8 (with 4 workers each);"
        " or set worker_formula to 3; or set pgbouncer to yes",
    ),
    (
        "memory_mb",
        {"memory_mb": 256},
        "256 MB cannot hold one worker of 200 MB. set memory_mb to 300 or more",
    ),
    (
        "replicas",
        {"db_driver": "aiosqlite", "replicas": 3},
        "3 replicas cannot share one SQLite file. set replicas to 1, or choose a database server",
    ),
    (
        "staging_memory_mb",
        {"per_environment": True, "staging_memory_mb": 200},
        "200 MB cannot hold one worker of 200 MB. set staging_memory_mb to 300 or more",
    ),
    (
        "staging_replicas",
        {"db_driver": "aiosqlite", "per_environment": True, "staging_replicas": 2},
        "2 replicas cannot share one SQLite file."
        " set staging_replicas to 1, or choose a database server",
    ),
    (
        "staging_db_max_connections",
        {
            "db_driver": "asyncmy",
            "per_environment": True,
            "staging_replicas": 4,
            "staging_db_max_connections": 10,
        },
        "(4 + 1 replicas in a rolling deployment) x 2 workers x 2 connections = 20, but 6 of"
        " staging_db_max_connections=10 are usable (0 reserved, 3 headroom, 1 for migrations)."
        " set staging_db_max_connections to 24;"
        " or set staging_replicas to 2 (with 1 worker each)",
    ),
]
OUTSIDE: list[tuple[str, dict[str, Any], str]] = [
    ("db_max_connections", {"db_driver": "asyncpg", "db_max_connections": 9}, "10 to 262143"),
    ("db_max_connections", {"db_driver": "asyncmy", "db_max_connections": 100_001}, "10 to 100000"),
    ("memory_mb", {"memory_mb": 63}, "64 to 4194304"),
    ("memory_mb", {"memory_mb": -1}, "64 to 4194304"),
    ("replicas", {"db_driver": "aiosqlite", "replicas": 1001}, "1 to 1000"),
    ("replicas", {"db_driver": "asyncpg", "replicas": 0}, "1 to 1000"),
    ("cpus", {"cpus": 0}, "0.1 to 256"),
]


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the questions of this template, outside git so that copier need not clone them."""
    root = tmp_path_factory.mktemp("template")
    shutil.copy(ROOT / "copier.yml", root)
    shutil.copytree(ROOT / "templates/_shared", root / "templates/_shared")
    return root


def copied(questions: Path, destination: Path, data: dict[str, Any]) -> dict[str, Any]:
    """Answer the questions through plain copier, without trust."""
    worker = copier.run_copy(
        str(questions),
        destination,
        data={"project_name": "demo"} | data,
        defaults=True,
        quiet=True,
        pretend=True,
    )
    return dict(worker.answers.combined)


@pytest.mark.slow
@pytest.mark.parametrize(("key", "data", "words"), REFUSED, ids=[one[0] for one in REFUSED])
def test_copier_and_the_command_refuse_in_the_same_words(
    questions: Path, tmp_path: Path, inside: Inside, key: str, data: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match="Validation error") as refused:
        copied(questions, tmp_path / "copied", data)
    assert str(refused.value) == f"Validation error for question '{key}': {words}"
    answers = [f"--data={name}={answer}" for name, answer in data.items()]
    done = inside("new", "demo", "--defaults", "--template", str(questions), *answers)
    assert done.returncode == 2
    wrong, _, ways_out = words.partition(". ")
    assert done.stderr.splitlines() == [
        f"error: `{key}` cannot be {data[key]}: {wrong}",
        f"hint: {ways_out}",
    ]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("key", "data", "allowed"), OUTSIDE)
def test_a_number_out_of_range_is_told_the_range(
    questions: Path, tmp_path: Path, key: str, data: dict[str, Any], allowed: str
) -> None:
    with pytest.raises(ValueError, match="Validation error") as refused:
        copied(questions, tmp_path / "copied", data)
    said = f"Validation error for question '{key}': a number from {allowed}"
    assert str(refused.value) == said


@pytest.mark.slow
@pytest.mark.parametrize(
    "fix",
    [
        {"db_max_connections": 224},
        {"replicas": 8},
        {"worker_formula": "3"},
        {"pgbouncer": True},
    ],
)
def test_copier_takes_each_way_out(questions: Path, tmp_path: Path, fix: dict[str, Any]) -> None:
    answers = copied(questions, tmp_path / "copied", CROWDED | {"db_max_connections": 100} | fix)
    production = answers["plan"]["environments"]["production"]
    assert production["status"] in {"ok", "adjusted"}
    given = CROWDED | {"db_max_connections": 100, "deployment": ["compose"]} | fix
    assert production == environment("production", **given)


@pytest.mark.parametrize("driver", ["aiosqlite", "asyncpg", "asyncmy", "none"])
def test_the_defaults_of_the_questions_fit(questions: Path, tmp_path: Path, driver: str) -> None:
    plan = copied(questions, tmp_path / "copied", {"db_driver": driver})["plan"]
    assert plan["status"] == "ok"
    assert not plan["environments"]["production"]["warnings"]
    limits = {"asyncpg": 100, "asyncmy": 151}
    for found in plan["environments"].values():
        assert found["host"]["db_max_connections"] == limits.get(driver)


@pytest.mark.parametrize("driver", ["aiosqlite", "asyncmy", "aiomysql", "none"])
def test_pgbouncer_is_for_postgresql(
    questions: Path, tmp_path: Path, inside: Inside, driver: str
) -> None:
    answers = {"db_driver": driver, "pgbouncer": True}
    with pytest.raises(ValueError, match="Validation error") as refused:
        copied(questions, tmp_path / "copied", answers)
    assert f"PgBouncer is for PostgreSQL, but db_driver={driver}. Choose" in str(refused.value)
    done = inside("new", "demo", "--defaults", "--db-driver", driver, "--pgbouncer")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"error: `pgbouncer` does not apply with `db_driver={driver}`",
        "hint: leave it out (from --pgbouncer), or change the answer that it depends on",
    ]
    assert not list(tmp_path.iterdir())


def test_pgbouncer_is_asked_before_the_connections() -> None:
    order = list(load_catalog(ROOT).questions)
    assert order.index("pgbouncer") < order.index("db_max_connections")
