"""How Alembic reaches the database and the models: over the service's own settings and engine."""

import asyncio

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.pool import NullPool

from app import columns, models
from app.database import create_engine
from app.settings import Settings

columns.load_models()


def is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """Leave alone the tables that a library brings and migrates itself."""
    return kind != "table" or name is None or not name.startswith("procrastinate_")


def run(connection: Connection) -> None:
    """Run the requested command over `connection`."""
    context.configure(
        connection=connection,
        target_metadata=models.metadata,
        compare_server_default=True,
        include_name=is_ours,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


async def connect_and_run() -> None:
    """For the `alembic` command, which brings no connection."""
    engine = create_engine(Settings(), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(run)
    finally:
        await engine.dispose()


if context.is_offline_mode():
    context.configure(
        dialect_name=create_engine(Settings()).dialect.name,
        target_metadata=models.metadata,
        literal_binds=True,
    )
    with context.begin_transaction():
        context.run_migrations()
elif (given := context.config.attributes.get("connection")) is not None:
    run(given)
else:
    asyncio.run(connect_and_run())
