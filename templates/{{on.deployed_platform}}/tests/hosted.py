"""What the tests of managed platforms share: an instance as the platform's file describes it."""

from collections.abc import Mapping
from dataclasses import dataclass

from deployment import numbers, unknown


@dataclass(frozen=True)
class Instance:
    """One replica of the service in production."""

    cpus: float
    memory_mb: int
    most: int
    """Replicas at the most."""
    grace: int
    """Seconds between SIGTERM and SIGKILL."""
    variables: Mapping[str, str]


def check(instance: Instance) -> None:
    """Compare it with the settings of production."""
    server = numbers("production")["server"]
    assert instance.cpus == server["planned_cpus"]
    assert instance.memory_mb >= server["workers"] * server["worker_memory_mb"]
    check_stop(instance.grace, instance.variables)
    check_connections(instance.most)
    assert unknown({name for name in instance.variables if name != "PORT"}) == set()
    assert instance.variables["APP_ENVIRONMENT"] == "production"


def check_stop(grace: int, variables: Mapping[str, str]) -> None:
    """Requests in flight are over before the platform kills."""
    planned = numbers("production")["server"]["graceful_timeout"]
    assert int(variables.get("APP_SERVER__GRACEFUL_TIMEOUT", planned)) < grace


def check_connections(most: int) -> None:
    """A deployment runs as many new replicas beside the old ones."""
    budget = numbers("production").get("database", {})
    if "fleet_connections" in budget:
        assert 2 * most * budget["connections_per_replica"] <= budget["fleet_connections"]
