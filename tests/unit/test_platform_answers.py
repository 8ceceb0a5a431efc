"""Managed platforms: what they cannot run is refused, and what they offer at the least is proposed."""

from pathlib import Path
from typing import Any

import pytest
from combinations import catalog
from command import Inside

from generator.answers import PRESET, Given, resolve
from generator.artefacts import PLATFORMS
from generator.errors import FastgenError

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    (
        {"deployment": ["fly"], "db_driver": "aiosqlite"},
        "a SQLite file with it (deployment=fly with db_driver=aiosqlite)",
        "Choose db_driver=asyncpg, or deployment=compose",
    ),
    (
        {"deployment": ["compose", "ecs"], "db_driver": "asyncpg", "pgbouncer": True},
        "nothing runs PgBouncer on AWS ECS on Fargate (pgbouncer=yes with deployment=ecs)",
        "Choose pgbouncer=no, or deployment=compose, systemd or kubernetes",
    ),
    (
        {"deployment": ["cloudrun"], "db_driver": "none", "cpus": 3},
        "Cloud Run has instances of 1, 2, 4, 6, 8 CPU, not of cpus=3",
        "Set cpus to 4, or leave deployment=cloudrun out",
    ),
    (
        {"deployment": ["azure"], "db_driver": "none", "cpus": 8},
        "Azure Container Apps has instances of 0.25, 0.5 and so on up to 4 CPU, not of cpus=8",
        "Set cpus to 4, or leave deployment=azure out",
    ),
    (
        {"deployment": ["render"], "db_driver": "none", "cpus": 2, "memory_mb": 1024},
        "Render has no instance of 2 CPU with memory_mb=1024 (deployment=render)",
        "Set memory_mb to 4096, or leave deployment=render out",
    ),
    (
        {"deployment": ["render", "azure"], "db_driver": "none", "cpus": 4, "memory_mb": 16384},
        "Azure Container Apps has no instance of 4 CPU with memory_mb=16384 (deployment=azure)",
        "Set memory_mb to 8192, or leave deployment=azure out",
    ),
    (
        {"deployment": ["ecs", "render"], "db_driver": "none", "cpus": 0.5, "memory_mb": 512},
        "AWS ECS on Fargate has no instance of 0.5 CPU with memory_mb=512 (deployment=ecs)",
        "No memory fits all of deployment=ecs,render: leave some out",
    ),
]


def answers(**given: object) -> dict[str, Any]:
    known = {key: Given(value, PRESET) for key, value in {"project_name": "demo", **given}.items()}
    return {key: one.value for key, one in resolve(catalog(), known).items()}


@pytest.mark.parametrize(("given", "wrong", "way_out"), REFUSED)
def test_what_a_platform_cannot_run_is_refused(
    given: dict[str, Any], wrong: str, way_out: str
) -> None:
    with pytest.raises(FastgenError) as refused:
        answers(**given)
    assert wrong in str(refused.value)
    assert refused.value.hint == way_out


def test_nothing_is_written_then(inside: Inside, tmp_path: Path) -> None:
    done = inside("new", "demo", "--defaults", "-d", "deployment=railway")
    assert done.returncode == 2
    assert "deployment=railway with db_driver=aiosqlite" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("deployment", "cpus", "memory_mb"),
    [
        (["compose"], 2, 1024),
        (["railway"], 2, 1024),
        (["cloudrun"], 2, 1024),
        (["cloudrun"], 4, 2048),
        (["ecs"], 0.25, 1024),
        (["render"], 0.5, 512),
        (["render"], 1, 2048),
        (["fly"], 2, 4096),
        ([*PLATFORMS], 2, 4096),
        ([*PLATFORMS], 4, 8192),
    ],
)
def test_the_least_memory_that_all_have_is_proposed(
    deployment: list[str], cpus: float, memory_mb: int
) -> None:
    found = answers(deployment=deployment, cpus=cpus, db_driver="none")
    assert found["memory_mb"] == memory_mb


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_deployment_doubles_what_the_budget_counts(platform: str) -> None:
    crowded = {"db_driver": "asyncpg", "replicas": 30, "db_max_connections": 100, "cpus": 2}
    with pytest.raises(FastgenError) as refused:
        answers(deployment=[platform], **crowded)
    assert "(30 + 30 replicas in a rolling deployment)" in str(refused.value)
    assert refused.value.hint
    assert "pgbouncer" not in refused.value.hint
