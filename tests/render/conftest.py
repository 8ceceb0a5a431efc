"""The kinds of projects whose deployment files are checked."""

from typing import Any

import pytest
from artefacts import Project, render

from generator.artefacts import PLATFORMS

COMBINATIONS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "postgresql": {"db_driver": "asyncpg", "replicas": 3, "db_max_connections": 200},
    "hyphens": {
        "project_name": "my-web-shop-2",
        "tls": "provided",
        "http3": True,
        "python_version": "3.11",
    },
    "pgbouncer": {"db_driver": "asyncpg", "pgbouncer": True, "queue": "procrastinate"},
    "plain pool": {"db_driver": "asyncpg", "data_layer": "asyncpg"},
    "no database": {"db_driver": "none", "metrics": "none", "tls": "none", "replicas": 2},
    "no edge": {"http_edge": "none", "db_driver": "asyncpg", "replicas": 2},
    "old nginx": {"nginx_version": "1.22", "cpus": 0.5, "memory_mb": 512},
    "old nginx, plain": {"nginx_version": "1.22", "tls": "none"},
    "nginx 1.26": {
        "nginx_version": "1.26",
        "http3": True,
        "workload": "realtime",
        "cpus": 8,
        "memory_mb": 8192,
    },
    "mysql": {"db_driver": "asyncmy", "cache": "redis", "server": "gunicorn"},
    "memcached": {"cache": "memcached", "server": "granian", "replicas": 1},
    "taskiq": {"queue": "taskiq", "broker": "nats", "cache": "redis"},
    "celery": {"queue": "celery", "broker": "rabbitmq", "db_driver": "asyncpg"},
    "saq": {"queue": "saq", "broker": "redis", "metrics": "opentelemetry"},
    "procrastinate": {"queue": "procrastinate", "db_driver": "asyncpg"},
    "long": {"project_name": "a" * 49 + "b", "db_driver": "asyncpg", "target_rps": 1},
}
MACHINES: dict[str, dict[str, Any]] = {
    "systemd": {"deployment": ["systemd"]},
    "systemd, postgresql": {"deployment": ["systemd"], "db_driver": "asyncpg", "tls": "none"},
    "systemd, pgbouncer": {
        "deployment": ["systemd"],
        "db_driver": "asyncpg",
        "data_layer": "asyncpg",
        "pgbouncer": True,
    },
    "systemd, gunicorn": {"deployment": ["systemd", "compose"], "server": "gunicorn", "cpus": 0.5},
    "systemd, granian": {"deployment": ["systemd"], "server": "granian", "http_edge": "none"},
    "systemd, queue": {
        "deployment": ["systemd"],
        "queue": "taskiq",
        "broker": "redis",
        "metrics": "both",
    },
    "systemd, long": {"deployment": ["systemd"], "project_name": "b" * 49 + "c"},
}
CLUSTERS: dict[str, dict[str, Any]] = {
    "kubernetes": {"deployment": ["kubernetes"], "db_driver": "asyncpg", "replicas": 4},
    "kubernetes, pgbouncer": {
        "deployment": ["kubernetes"],
        "db_driver": "psycopg",
        "pgbouncer": True,
        "per_environment": True,
        "replicas": 9,
        "db_max_connections": 60,
        "staging_replicas": 1,
        "staging_db_max_connections": 10,
    },
    "kubernetes, plain pool": {
        "deployment": ["kubernetes"],
        "db_driver": "asyncpg",
        "data_layer": "asyncpg",
    },
    "kubernetes, alone": {
        "deployment": ["kubernetes"],
        "db_driver": "none",
        "replicas": 1,
        "metrics": "opentelemetry",
    },
    "kubernetes, redis": {
        "deployment": ["kubernetes", "compose"],
        "db_driver": "aiomysql",
        "cache": "redis",
        "queue": "taskiq",
        "broker": "rabbitmq",
        "server": "gunicorn",
        "per_environment": True,
        "staging_replicas": 1,
        "staging_cpus": 0.5,
        "staging_memory_mb": 512,
    },
    "kubernetes, long": {
        "deployment": ["kubernetes"],
        "db_driver": "asyncpg",
        "project_name": "c" * 49 + "d",
    },
}
HOSTED: dict[str, dict[str, Any]] = {
    "platforms": {"db_driver": "asyncpg", "replicas": 4, "db_max_connections": 200},
    "platforms, queue": {
        "db_driver": "psycopg",
        "queue": "taskiq",
        "broker": "rabbitmq",
        "cache": "memcached",
        "server": "gunicorn",
        "metrics": "both",
    },
    "platforms, alone": {"db_driver": "none", "metrics": "none", "replicas": 1, "cpus": 1},
    "platforms, granian": {
        "db_driver": "asyncpg",
        "queue": "procrastinate",
        "server": "granian",
        "workload": "realtime",
    },
    "platforms, long": {
        "project_name": "d" * 49 + "e",
        "db_driver": "asyncmy",
        "cache": "redis",
        "queue": "saq",
        "cpus": 4,
    },
    "platforms, short": {
        "project_name": "a",
        "db_driver": "none",
        "queue": "celery",
        "metrics": "opentelemetry",
    },
}
WITH_NGINX = [name for name, data in COMBINATIONS.items() if data.get("http_edge") != "none"]


@pytest.fixture(params=list(COMBINATIONS))
def project(request: pytest.FixtureRequest) -> Project:
    """Give each kind of project."""
    return render(**COMBINATIONS[request.param])


@pytest.fixture(params=["defaults", "no database", "mysql", "memcached", "taskiq", "celery", "saq"])
def pipelines(request: pytest.FixtureRequest) -> tuple[Project, Project]:
    """Give the same project twice: with GitHub's workflows, and with GitLab's pipeline."""
    kind = COMBINATIONS[request.param]
    return render(**kind), render(**kind, ci="gitlab")


@pytest.fixture(params=WITH_NGINX)
def edge(request: pytest.FixtureRequest) -> Project:
    """Give each kind of project with nginx."""
    return render(**COMBINATIONS[request.param])


@pytest.fixture(params=list(MACHINES))
def machine(request: pytest.FixtureRequest) -> Project:
    """Give each kind of project with systemd units."""
    return render(**MACHINES[request.param])


@pytest.fixture(params=list(HOSTED))
def hosted(request: pytest.FixtureRequest) -> Project:
    """Give each kind of project with files of every managed platform."""
    return render(deployment=[*PLATFORMS], **HOSTED[request.param])


@pytest.fixture(params=list(CLUSTERS))
def cluster(request: pytest.FixtureRequest) -> Project:
    """Give each kind of project with Kubernetes manifests."""
    return render(**CLUSTERS[request.param])
