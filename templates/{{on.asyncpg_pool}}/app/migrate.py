"""`python -m app.migrate` brings the database to the newest version.

Migrations are SQL files, `migrations/<number>_<name>.up.sql`, each with a `.down.sql` beside it
that undoes it. Each runs in a transaction together with the note that it was applied.

Run it once per deployment, before the new version starts. Two that start at once do no harm: the
second waits for the first one's lock and then finds nothing left to do.
"""

import asyncio
import logging
import sys
from pathlib import Path

import asyncpg

from app.database import connect_options
from app.logging import configure_logging
from app.settings import Settings, load_settings

MIGRATIONS = Path(__file__).parent.parent / "migrations"
LOCK = 0x66617374
"""Key of the advisory lock that migrations hold."""

logger = logging.getLogger("app.migrate")


async def upgrade(settings: Settings) -> list[str]:
    """Apply what is not applied yet, in order; the names of what was applied."""
    async with _Migrator(settings) as migrator:
        done = await migrator.applied()
        missing = [name for name in available() if name not in done]
        for name in missing:
            await migrator.run(name, "up", "INSERT INTO migrations (name) VALUES ($1)")
        return missing


async def downgrade(settings: Settings) -> str | None:
    """Undo the last migration; its name, None when there is none."""
    async with _Migrator(settings) as migrator:
        done = await migrator.applied()
        if not done:
            return None
        await migrator.run(done[-1], "down", "DELETE FROM migrations WHERE name = $1")
        return done[-1]


def available() -> list[str]:
    """The names of all migrations, in order."""
    return sorted(path.name.removesuffix(".up.sql") for path in MIGRATIONS.glob("*.up.sql"))


class _Migrator:
    """A connection that holds the migration lock."""

    def __init__(self, settings: Settings) -> None:
        patient = settings.model_copy(deep=True)
        patient.database.statement_timeout = 0  # an index may take as long as it takes
        self._options = connect_options(patient)

    async def __aenter__(self) -> "_Migrator":
        self._connection = await asyncpg.connect(**self._options)
        await self._connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        await self._connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations "
            "(name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._connection.close()  # gives the lock back too

    async def applied(self) -> list[str]:
        """The names of the applied migrations, in order."""
        rows = await self._connection.fetch("SELECT name FROM migrations ORDER BY name")
        return [row["name"] for row in rows]

    async def run(self, name: str, direction: str, note: str) -> None:
        """Run one file and note it, both or neither."""
        statements = (MIGRATIONS / f"{name}.{direction}.sql").read_text(encoding="utf-8")
        async with self._connection.transaction():
            await self._connection.execute(statements)
            await self._connection.execute(note, name)
        logger.info("%s: %s", direction, name)


def main() -> None:
    """Migrate with the settings of the environment; `down` undoes the last migration."""
    settings = load_settings()
    configure_logging(settings.log)
    match sys.argv[1:]:
        case []:
            asyncio.run(upgrade(settings))
            logger.info("the database is at the newest version")
        case ["down"]:
            asyncio.run(downgrade(settings))
        case _:
            sys.stderr.write("usage: python -m app.migrate [down]\n")
            sys.exit(2)


if __name__ == "__main__":
    main()
