"""The sizing macros as functions: the same Jinja that copier evaluates, for tests in milliseconds."""

import json
from functools import cache
from typing import Any

from generator.answers import Evaluation
from generator.questions import load_catalog
from generator.template import packaged_root

DEFAULTS: dict[str, Any] = {
    "db_driver": "asyncpg",
    "queue": "background",
    "server": "uvicorn",
    "deployment": [],
    "workload": "io",
    "worker_formula": "auto",
    "target_rps": 1000,
    "cpus": 2.0,
    "memory_mb": 2048,
    "replicas": 1,
    "db_max_connections": 100,
    "pgbouncer": False,
    "pooler_offered": False,
    "per_environment": False,
}


@cache
def _macros() -> Any:  # noqa: ANN401 - a compiled template's module
    environment = Evaluation(load_catalog(packaged_root())).environment
    return environment.get_template("templates/_shared/sizing/plan.jinja").module


def _completed(given: dict[str, Any]) -> dict[str, Any]:
    answers = DEFAULTS | given
    for environment in ("staging", "development"):
        for key in ("cpus", "memory_mb", "replicas", "db_max_connections"):
            answers.setdefault(f"{environment}_{key}", answers[key])
    return answers


def plan(**given: Any) -> dict[str, Any]:  # noqa: ANN401 - answers of any type
    """Compute the plan of these answers; what is not given has `DEFAULTS`."""
    result: dict[str, Any] = json.loads(_macros().plan(_completed(given)))
    return result


def environment(name: str, **given: Any) -> dict[str, Any]:  # noqa: ANN401 - answers of any type
    """Compute one environment of the plan, without regard to the others."""
    result: dict[str, Any] = json.loads(_macros().environment(name, _completed(given)))
    return result


def production(**given: Any) -> dict[str, Any]:  # noqa: ANN401 - answers of any type
    """Compute the plan of production alone."""
    return environment("production", **given)


def value(environment: dict[str, Any], name: str) -> Any:  # noqa: ANN401 - a number of the plan
    """Give one number of an environment."""
    return environment["numbers"][name]["value"]
