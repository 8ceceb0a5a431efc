"""The tests' database: created on the server that APP_TEST_DATABASE__URL names, then dropped."""

import os
import uuid

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app import driver

SERVER = os.environ.get("APP_TEST_DATABASE__URL", "")
NOWHERE = "postgresql://127.0.0.1:1/none"
SLEEP = "SELECT pg_sleep(30)"
END_SELF = "SELECT pg_terminate_backend(pg_backend_pid())"
LIMIT = "SHOW max_connections"
NAME = f"app_test_{uuid.uuid4().hex}"

# Set before the application is imported. Nothing listens at NOWHERE.
server = driver.url(SERVER or NOWHERE)
os.environ["APP_DATABASE__URL"] = server.set(database=NAME).render_as_string(hide_password=False)

MISSING = "start a PostgreSQL and name it: APP_TEST_DATABASE__URL=postgresql://USER@HOST/postgres"


async def create() -> None:
    """Create the database of this run, or of this pytest-xdist worker."""
    await _execute(f"CREATE DATABASE {NAME}")


async def drop() -> None:
    """Drop it, whoever is still connected."""
    await _execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")


async def _execute(statement: str) -> None:
    engine = create_async_engine(server, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(statement))
