"""The tests' database: created on the server that APP_TEST_DATABASE__URL names, then dropped."""

import os
import uuid

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app import driver

SERVER = os.environ.get("APP_TEST_DATABASE__URL", "")
NOWHERE = "mysql://127.0.0.1:1/none"
SLEEP = "SELECT SLEEP(30)"
END_SELF = "KILL CONNECTION_ID()"
LIMIT = "SELECT @@max_connections"
NAME = f"app_test_{uuid.uuid4().hex}"

# Set before the application is imported. Nothing listens at NOWHERE.
server = driver.url(SERVER or NOWHERE)
os.environ["APP_DATABASE__URL"] = server.set(database=NAME).render_as_string(hide_password=False)

MISSING = "start a MariaDB or MySQL and name it: APP_TEST_DATABASE__URL=mysql://USER@HOST/"


async def create() -> None:
    """Create the database of this run, or of this pytest-xdist worker."""
    await _execute(f"CREATE DATABASE {NAME} CHARACTER SET utf8mb4")


async def drop() -> None:
    """Drop it."""
    await _execute(f"DROP DATABASE IF EXISTS {NAME}")


async def _execute(statement: str) -> None:
    engine = create_async_engine(server, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.execute(text(statement))
