"""The tests' database: created on the server that APP_TEST_DATABASE__URL names, then dropped."""

import os
import uuid
from urllib.parse import urlsplit

import asyncpg

NOWHERE = "postgresql://127.0.0.1:1/none"
SLEEP = "SELECT pg_sleep(30)"
END_SELF = "SELECT pg_terminate_backend(pg_backend_pid())"
LIMIT = "SHOW max_connections"
SERVER = os.environ.get("APP_TEST_DATABASE__URL", "")
NAME = f"app_test_{uuid.uuid4().hex}"

# Set before the application is imported. Nothing listens at NOWHERE.
server = urlsplit(SERVER or NOWHERE)._replace(scheme="postgresql")
os.environ["APP_DATABASE__URL"] = server._replace(path=f"/{NAME}").geturl()

MISSING = "start a PostgreSQL and name it: APP_TEST_DATABASE__URL=postgresql://USER@HOST/postgres"


async def create() -> None:
    """Create the database of this run, or of this pytest-xdist worker."""
    await _execute(f"CREATE DATABASE {NAME}")


async def drop() -> None:
    """Drop it, whoever is still connected."""
    await _execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")


async def _execute(statement: str) -> None:
    connection = await asyncpg.connect(server.geturl())
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
