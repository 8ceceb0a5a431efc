"""`python -m app.migrate` brings the database to the newest revision.

Run it once per deployment, before the new version starts. Two that start at once do no harm: the
second waits for the first one's lock and then finds nothing left to do.
"""

import asyncio
import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.pool import NullPool

from app import dialect
from app.components import COMPONENTS
from app.database import create_engine
from app.logging import configure_logging
from app.settings import Settings, load_settings

CONFIG = Path(__file__).parent.parent / "alembic.ini"

logger = logging.getLogger("app.migrate")
logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)


async def migrate(settings: Settings, revision: str = "head") -> None:
    """Upgrade to `revision`, under a lock of the database."""
    patient = settings.model_copy(deep=True)
    patient.database.statement_timeout = 0  # building an index may take as long as it takes
    engine = create_engine(patient, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await dialect.lock(connection)
            await connection.run_sync(_upgrade, revision)
            for component in COMPONENTS:
                if component.migrate is not None:
                    await component.migrate(settings)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, revision: str) -> None:
    config = Config(CONFIG)
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def main() -> None:
    """Migrate with the settings of the environment."""
    settings = load_settings()
    configure_logging(settings.log)
    asyncio.run(migrate(settings))
    logger.info("the database is at the newest revision")


if __name__ == "__main__":
    main()
