"""What holds for every plan, whatever was answered. `SIZING_EXAMPLES` asks for more of them."""

import os
from typing import Any

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from sizing_macros import environment, plan, production, value

EXAMPLES = int(os.environ.get("SIZING_EXAMPLES", "1000"))
SERVERS = ("asyncpg", "psycopg", "asyncmy", "aiomysql")
FACTORS = {"io": 1.0, "realtime": 1.0, "cpu": 1.0, "mixed": 1.25, "sync": 1.5}
CPUS = [0.1, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 8.0, 16.0, 64.0]
MOST_WORKERS = {"development": 1, "staging": 2, "production": 12}
WORKER_MB = {"development": 150, "staging": 200, "production": 200}

Answers = dict[str, Any]
Environment = dict[str, Any]

COMMON: dict[str, st.SearchStrategy[Any]] = {
    "queue": st.sampled_from(["background", "taskiq", "saq", "procrastinate"]),
    "server": st.sampled_from(["uvicorn", "gunicorn", "granian"]),
    "deployment": st.lists(
        st.sampled_from(["compose", "kubernetes", "systemd", "fly", "cloudrun", "azure"]),
        unique=True,
    ),
    "workload": st.sampled_from(list(FACTORS)),
    "worker_formula": st.sampled_from(["auto", "2n+1", "1", "3", "8", "40", "99"]),
    "target_rps": st.integers(1, 100_000),
    "cpus": st.sampled_from(CPUS),
    "memory_mb": st.integers(64, 65_536),
    "pgbouncer": st.booleans(),
    "per_environment": st.booleans(),
    "staging_cpus": st.sampled_from(CPUS),
    "staging_memory_mb": st.integers(64, 4096),
    "staging_replicas": st.integers(1, 20),
    "staging_db_max_connections": st.integers(10, 300),
    "development_cpus": st.sampled_from(CPUS),
    "development_memory_mb": st.integers(64, 4096),
    "development_db_max_connections": st.integers(10, 300),
}
anything = st.fixed_dictionaries(
    COMMON
    | {
        "db_driver": st.sampled_from([*SERVERS, "aiosqlite", "none"]),
        "replicas": st.integers(1, 60),
        "db_max_connections": st.integers(10, 2_000),
    }
)
crowded = st.fixed_dictionaries(
    COMMON
    | {
        "db_driver": st.sampled_from([*SERVERS, *SERVERS, "aiosqlite"]),
        "replicas": st.one_of(st.integers(1, 40), st.integers(1, 1_000)),
        "db_max_connections": st.integers(10, 150),
    }
)
thorough = settings(max_examples=EXAMPLES, deadline=None)


def numbers(environment: Environment) -> dict[str, Any]:
    """Give the values of all numbers."""
    return {name: one["value"] for name, one in environment["numbers"].items()}


def check_connections(name: str, found: Environment, chosen: Answers) -> None:
    budget, number, host = found["budget"], numbers(found), found["host"]
    assert (
        budget["peak"] + budget["reserved"] + budget["headroom"] + budget["free"]
        == (budget["limit"])
    )
    assert budget["free"] >= 0
    assert budget["steady"] <= budget["peak"]
    total = number["pool_size"] + number["max_overflow"]
    assert total >= (1 if name == "development" else 2)
    assert number["connections_per_replica"] == number["workers"] * total
    if "pgbouncer_max_db_connections" in number:
        assert budget["app"] == number["pgbouncer_max_db_connections"]
        standing = number["pgbouncer_default_pool_size"]
        assert standing >= 1
        assert standing + number["pgbouncer_reserve_pool_size"] == budget["app"]
        clients = (host["replicas"] + host["surge"]) * number["connections_per_replica"]
        assert number["pgbouncer_max_client_conn"] > clients
        return
    rolling = (host["replicas"] + host["surge"]) * number["workers"] * total
    reload = {"systemd": 2 if chosen["server"] == "gunicorn" else 1 + 1 / number["workers"]}
    factors = [reload[platform] for platform in chosen["deployment"] if platform in reload]
    reloading = [host["replicas"] * number["workers"] * factor * total for factor in factors]
    assert budget["app"] == pytest.approx(max(rolling, *reloading) if reloading else rolling)


def check_workers(name: str, found: Environment, chosen: Answers) -> None:
    workers, formula, cpus = (
        value(found, "workers"),
        chosen["worker_formula"],
        found["host"]["cpus"],
    )
    rules = {
        "auto": max(1, int(cpus * FACTORS[chosen["workload"]])),
        "2n+1": int(2 * cpus) + 1,
    }
    asked = rules.get(formula) or int(formula)
    free_choice = name == "production" and formula.isdigit()
    wanted = asked if free_choice else min(asked, MOST_WORKERS[name])
    assert 1 <= workers <= wanted
    assert workers * WORKER_MB[name] + 40 <= 0.8 * found["host"]["memory_mb"]
    assert (found["status"] == "adjusted") == (workers < wanted)
    told = {one["code"] for one in found["warnings"]}
    assert (workers < wanted) == bool(told & {"WORKERS_REDUCED", "MEMORY_BOUND"})


def check_order(found: Environment, chosen: Answers) -> None:
    number = numbers(found)
    assert ("queue_workers" in number) == (chosen["queue"] != "background")
    assert number["keep_alive"] > number["nginx_keepalive_timeout"]
    assert number["graceful_timeout"] < number["manager_timeout"]
    assert number["prestop"] + number["manager_timeout"] < number["stop_grace"]
    assert (number["prestop"] > 0) == ("kubernetes" in chosen["deployment"])
    assert number["nginx_proxy_read_timeout"] > number["request_timeout"] > 0
    assert number["nginx_shutdown_timeout"] > number["nginx_proxy_read_timeout"]
    assert number["worker_timeout"] > number["request_timeout"]
    assert number["nginx_rlimit_nofile"] >= 2 * number["nginx_worker_connections"]
    idle = number["nginx_keepalive"] * number["nginx_worker_processes"]
    assert number["nofile"] > number["limit_concurrency"] > idle
    assert number["limit_concurrency"] > number["max_in_flight"]
    assert number["max_requests_jitter"] <= number["max_requests"]
    if chosen["db_driver"] == "none":
        assert not [name for name in number if "pool" in name or "pgbouncer" in name]
        return
    assert number["pool_size"] >= 1  # SQLAlchemy takes 0 as "without a limit"
    assert number["max_overflow"] >= 0  # and -1 as well
    assert 0 < number["pool_timeout"] < number["request_timeout"]
    assert 0 < number["pool_recycle"] < 28_800  # MySQL's wait_timeout


def check_words(found: Environment) -> None:
    for one in found["numbers"].values():
        assert one["why"]
    problems = [*found["errors"], *found["warnings"]]
    sentences = [one["why"] for one in found["numbers"].values()]
    for text in sentences + [problem["message"] for problem in problems]:
        assert text == " ".join(text.split())
        assert "None" not in text
    assert bool(found["errors"]) == (found["status"] == "refused")


@pytest.mark.slow
@thorough
@given(anything)
def test_every_plan_that_fits(chosen: Answers) -> None:
    computed = plan(**chosen)
    states = [found["status"] for found in computed["environments"].values()]
    assert computed["status"] == max(states, key=["ok", "adjusted", "refused"].index)
    for name, found in computed["environments"].items():
        check_words(found)
        if found["errors"]:
            continue
        check_workers(name, found, chosen)
        check_order(found, chosen)
        if chosen["db_driver"] in SERVERS:
            check_connections(name, found, chosen)


@pytest.mark.slow
@thorough
@given(crowded, st.booleans(), st.sampled_from(["production", "staging", "development"]))
def test_every_way_out_works(chosen: Answers, pooler_offered: bool, name: str) -> None:
    chosen |= {"pooler_offered": pooler_offered and not chosen["pgbouncer"]}
    chosen |= {"per_environment": name != "production"}
    found = environment(name, **chosen)
    event(f"{name} {found['status']}")
    for error in found["errors"]:
        assert error["fixes"]
        assert len({str(fix["set"]) for fix in error["fixes"]}) == len(error["fixes"])
        for fix in error["fixes"]:
            repaired = environment(name, **chosen | fix["set"])
            assert error["code"] not in {one["code"] for one in repaired["errors"]}, fix
            assert all(key in fix["text"] for key in fix["set"])


@pytest.mark.slow
@settings(thorough, max_examples=EXAMPLES // 5)
@given(crowded)
def test_one_way_out_of_each_error_repairs_every_environment(chosen: Answers) -> None:
    chosen |= {"per_environment": False}
    first = plan(**chosen)
    assume(first["status"] == "refused")
    errors = first["environments"]["production"]["errors"]
    assert errors
    for way in range(max(len(error["fixes"]) for error in errors)):
        repair: Answers = {}
        for error in errors:
            repair |= error["fixes"][way % len(error["fixes"])]["set"]
        assert plan(**chosen | repair)["status"] != "refused", repair


@pytest.mark.slow
@thorough
@given(crowded, st.sampled_from(SERVERS), st.integers(1, 500))
def test_more_connections_never_hurt(chosen: Answers, driver: str, more: int) -> None:
    chosen |= {"db_driver": driver}
    before = production(**chosen)
    after = production(**chosen | {"db_max_connections": chosen["db_max_connections"] + more})
    if not before["errors"]:
        assert not after["errors"]
        assert value(after, "workers") >= value(before, "workers")


@settings(max_examples=100, deadline=None)
@given(anything)
def test_the_same_answers_give_the_same_plan(chosen: Answers) -> None:
    assert plan(**chosen) == plan(**chosen)


@pytest.mark.parametrize("driver", [*SERVERS, "aiosqlite", "none"])
def test_environments_that_follow_production_have_numbers_of_their_own(driver: str) -> None:
    environments = plan(db_driver=driver, cpus=8.0, memory_mb=8192)["environments"]
    workers = {name: value(found, "workers") for name, found in environments.items()}
    assert workers["development"] == 1
    assert workers["staging"] == 2
    assert workers["production"] > 2
