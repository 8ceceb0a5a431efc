"""Plans worked out by hand: 1 GB per CPU, two queue workers of two connections, surge 25 %."""

import pytest
from sizing_macros import plan, production, value

# CPUs, replicas: workers x (pool + overflow) and the peak, with 100, 200 and 500 connections.
WORKED = {
    (2, 1): ("2x(12+3) 69", "2x(12+3) 69", "2x(12+3) 69"),
    (2, 3): ("2x(8+2) 87", "2x(12+3) 127", "2x(12+3) 127"),
    (2, 10): ("2x(3+0) 85", "2x(5+1) 163", "2x(12+3) 397"),
    (4, 1): ("4x(8+2) 89", "4x(12+3) 129", "4x(12+3) 129"),
    (4, 3): ("4x(4+1) 87", "4x(9+2) 183", "4x(12+3) 247"),
    (4, 10): ("3x(2+0) 85", "4x(3+0) 163", "4x(6+2) 423"),
    (8, 1): ("8x(4+1) 89", "8x(9+2) 185", "8x(12+3) 249"),
    (8, 3): ("8x(2+0) 71", "8x(4+1) 167", "8x(11+3) 455"),
    (8, 10): ("230 or 8", "6x(2+0) 163", "8x(3+1) 423"),
    (16, 1): ("12x(3+0) 81", "12x(6+1) 177", "12x(12+3) 369"),
    (16, 3): ("10x(2+0) 87", "12x(3+0) 151", "12x(7+2) 439"),
    (16, 10): ("339 or 5", "6x(2+0) 163", "12x(2+0) 319"),
}
CASES = [
    (cpus, replicas, limit, expected)
    for (cpus, replicas), row in WORKED.items()
    for limit, expected in zip((100, 200, 500), row, strict=True)
]


@pytest.mark.parametrize(("cpus", "replicas", "limit", "expected"), CASES)
def test_worked_example(cpus: int, replicas: int, limit: int, expected: str) -> None:
    given = {"cpus": cpus, "memory_mb": cpus * 1024, "replicas": replicas}
    found = production(**given, db_max_connections=limit, queue="taskiq")
    if found["errors"]:
        (error,) = found["errors"]
        ways = {key: value for fix in error["fixes"] for key, value in fix["set"].items()}
        assert f"{ways['db_max_connections']} or {ways['replicas']}" == expected
    else:
        pool = f"({value(found, 'pool_size')}+{value(found, 'max_overflow')})"
        assert f"{value(found, 'workers')}x{pool} {found['budget']['peak']}" == expected


def test_pods_of_one_worker() -> None:
    pods = {"cpus": 1, "memory_mb": 512, "deployment": ["kubernetes"], "queue": "taskiq"}
    assert production(**pods, replicas=3)["budget"]["peak"] == 67
    (error,) = production(**pods, replicas=40)["errors"]
    ways = {key: value for fix in error["fixes"] for key, value in fix["set"].items()}
    assert ways == {"db_max_connections": 116, "replicas": 33}


def test_every_environment_of_a_small_service() -> None:
    environments = plan(queue="taskiq")["environments"]
    assert {name: found["budget"]["peak"] for name, found in environments.items()} == {
        "development": 8,
        "staging": 37,
        "production": 69,
    }


@pytest.mark.parametrize(
    ("formula", "cpus", "memory_mb", "workers"),
    [("2n+1", 2, 4096, 5), ("auto", 2, 4096, 2), ("7", 2, 4096, 7), ("7", 2, 1024, 3)],
)
def test_worker_formula(formula: str, cpus: float, memory_mb: int, workers: int) -> None:
    found = production(
        worker_formula=formula, cpus=cpus, memory_mb=memory_mb, db_max_connections=500
    )
    assert value(found, "workers") == workers


def test_a_reduction_by_memory_is_told() -> None:
    (warning,) = production(worker_formula="7", memory_mb=1024, db_max_connections=500)["warnings"]
    assert warning == {"code": "MEMORY_BOUND", "message": "1024 MB hold 3 of 7 workers"}


def test_too_little_memory_says_how_much_is_needed() -> None:
    (error,) = production(memory_mb=256)["errors"]
    assert error["message"] == "256 MB cannot hold one worker of 200 MB"
    assert error["fixes"][0]["set"] == {"memory_mb": 300}


def test_sqlite_has_one_replica() -> None:
    (error,) = production(db_driver="aiosqlite", replicas=3)["errors"]
    assert error["code"] == "SQLITE_MULTI_REPLICA"


def test_without_a_database_there_are_no_database_numbers() -> None:
    assert not [name for name in production(db_driver="none")["numbers"] if "pool" in name]


def test_a_pooler_needs_no_fewer_workers() -> None:
    wide = {"cpus": 16, "memory_mb": 16384, "replicas": 10}
    assert production(**wide)["status"] == "refused"
    found = production(**wide, pgbouncer=True)
    assert (found["status"], value(found, "workers")) == ("ok", 12)
    assert value(found, "pgbouncer_max_db_connections") == 18
    assert value(found, "pgbouncer_max_client_conn") == 4096
