"""Procrastinate's tables, in the service's own database."""

from typing import TYPE_CHECKING

from procrastinate import App, PsycopgConnector

from app import driver

if TYPE_CHECKING:
    from app.settings import Settings


def address(settings: "Settings") -> str:
    """The database, as libpq writes it."""
    url = driver.url(settings.database.url.get_secret_value())
    plain = url.set(drivername="postgresql", query={})
    return plain.render_as_string(hide_password=False)


KEYS = """
CREATE INDEX IF NOT EXISTS procrastinate_jobs_known_idx ON procrastinate_jobs (queueing_lock)
WHERE queueing_lock IS NOT NULL
"""
"""Finds a job by its key, also when it is done; `app.queue.enqueueing` looks there."""


async def migrate(settings: "Settings") -> None:
    """Create procrastinate's tables where they are missing; `app.migrate` does it, under its lock."""
    app = App(connector=PsycopgConnector(conninfo=address(settings), min_size=1, max_size=1))
    async with app.open_async():
        if not await app.check_connection_async():
            await app.schema_manager.apply_schema_async()
        await app.connector.execute_query_async(KEYS)
