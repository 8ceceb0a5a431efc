"""Tells what follows from the dependencies: database, cache, server, and what else must run."""

from collections.abc import Iterator, Mapping, Set

from generator.detect.dependencies import Dependency
from generator.detect.findings import Finding

DRIVERS = ("asyncpg", "psycopg", "asyncmy", "aiomysql", "aiosqlite")
KINDS: Mapping[str, str] = {
    **{name: name for name in DRIVERS},
    **dict.fromkeys(("psycopg2", "psycopg2-binary", "psycopg-binary", "pg8000"), "psycopg"),
    **dict.fromkeys(("pymysql", "mysqlclient", "mysql-connector-python", "mariadb"), "aiomysql"),
}
"""Driver -> the one of the questions that is for the same server."""
DATABASES: Mapping[str, str] = {
    **dict.fromkeys(("asyncpg", "psycopg"), "PostgreSQL"),
    **dict.fromkeys(("asyncmy", "aiomysql"), "MySQL"),
    "aiosqlite": "SQLite",
}
DRIVER_EXTRAS: Mapping[str, str] = {
    "asyncpg": "asyncpg",
    "postgresql": "psycopg",
    "aiopg": "psycopg",
    "psycopg": "psycopg",
    "postgresql-asyncpg": "asyncpg",
    "postgresql-psycopg": "psycopg",
    "postgresql-psycopgbinary": "psycopg",
    "postgresql-psycopg2binary": "psycopg",
    "postgresql-pg8000": "psycopg",
    "asyncmy": "asyncmy",
    "aiomysql": "aiomysql",
    "mysql": "aiomysql",
    "pymysql": "aiomysql",
    "mysql-connector": "aiomysql",
    "mariadb-connector": "aiomysql",
    "aiosqlite": "aiosqlite",
    "sqlite": "aiosqlite",
}
"""Extra of a database library -> the driver that it brings."""
LIBRARIES = frozenset({"sqlalchemy", "databases", "tortoise-orm", "sqlmodel", "ormar"})
SERVERS: Mapping[str, Set[str]] = {
    "Redis": {"redis", "aioredis", "arq", "rq", "saq", "fastapi-limiter", "redis-om", "coredis"},
    "Memcached": {"aiomcache", "pymemcache", "pylibmc", "python-memcached"},
    "MongoDB": {"motor", "pymongo", "beanie", "mongoengine", "odmantic"},
    "RabbitMQ": {"aio-pika", "pika", "aiormq"},
    "Kafka": {"aiokafka", "kafka-python", "confluent-kafka"},
    "NATS": {"nats-py"},
    "Elasticsearch": {"elasticsearch", "opensearch-py"},
    "ClickHouse": {"clickhouse-connect", "clickhouse-driver", "asynch"},
}
"""Servers that the generated files do not start, and the packages that need them."""
CACHES: Mapping[str, str] = {
    **dict.fromkeys(("redis", "aioredis", "coredis", "redis-om"), "redis"),
    **dict.fromkeys(SERVERS["Memcached"], "memcached"),
}
QUEUES = frozenset({"celery", "taskiq", "arq", "rq", "saq", "dramatiq", "procrastinate", "huey"})


def services(dependencies: Mapping[str, Dependency]) -> Iterator[Finding]:
    """Tell the database's driver, the cache, and whether the image needs a server of its own."""
    if not dependencies:
        return
    found = _drivers(dependencies)
    if found:
        best = min(found, key=lambda one: DRIVERS.index(one[0]))
        yield Finding("db_driver", best[0], best[1].path, best[1].line)
    else:
        yield Finding("db_driver", "none", "no database driver among the dependencies", 0)
    for name, one in dependencies.items():
        if name in CACHES:
            yield Finding("cache", CACHES[name], one.path, one.line)
            break
    yield _server(dependencies)


def notes(dependencies: Mapping[str, Dependency]) -> Iterator[str]:
    """Tell what the generated files leave to a person."""
    found = sorted(_drivers(dependencies), key=lambda one: -DRIVERS.index(one[0]))
    drivers = {DATABASES[kind]: f"{name} ({one.path}:{one.line})" for kind, one, name in found}
    if len(drivers) > 1:
        listed = ", ".join(f"{database} by {place}" for database, place in drivers.items())
        yield f"several databases: {listed}; `--db-driver` says which one is planned for"
    for server, one in _servers(dependencies):
        yield f"{one.name} ({one.path}:{one.line}) needs {server}: no generated file starts it"
    for name in sorted(QUEUES & set(dependencies)):
        one = dependencies[name]
        yield f"{name} ({one.path}:{one.line}) has workers of its own: no generated file starts them"


def _drivers(dependencies: Mapping[str, Dependency]) -> list[tuple[str, Dependency, str]]:
    """List the drivers: the answer, the dependency, the name that was read."""
    found = [(KINDS[name], one, name) for name, one in dependencies.items() if name in KINDS]
    for name in LIBRARIES & set(dependencies):
        one = dependencies[name]
        extras = sorted(one.extras & set(DRIVER_EXTRAS))
        found += [(DRIVER_EXTRAS[extra], one, f"{name}[{extra}]") for extra in extras]
    return found


def _servers(dependencies: Mapping[str, Dependency]) -> Iterator[tuple[str, Dependency]]:
    for server, names in SERVERS.items():
        for name, one in dependencies.items():
            if name in names or server.lower() in one.extras:
                yield server, one
                break


def _server(dependencies: Mapping[str, Dependency]) -> Finding:
    """Tell whether uvicorn, which the command runs, comes with the dependencies."""
    for name, one in dependencies.items():
        standard = any(extra.startswith(("standard", "all")) for extra in one.extras)
        if name == "uvicorn" or (name in {"fastapi", "fastapi-cli", "fastapi-slim"} and standard):
            return Finding("add_server", False, one.path, one.line)
    return Finding("add_server", True, "uvicorn is not among the dependencies", 0)
