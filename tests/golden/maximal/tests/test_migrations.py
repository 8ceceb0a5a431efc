"""Migrations: the same as the models, both ways, and safe when two run at once."""

import asyncio

from alembic import command
from alembic.config import Config

from app.migrate import CONFIG, migrate
from app.settings import Settings


def test_models_and_migrations_agree(migrated: None) -> None:
    command.check(Config(CONFIG))


def test_down_and_up_again(migrated: None) -> None:
    command.downgrade(Config(CONFIG), "base")
    command.upgrade(Config(CONFIG), "head")
    command.check(Config(CONFIG))


async def test_two_at_once(settings: Settings) -> None:
    await asyncio.to_thread(command.downgrade, Config(CONFIG), "base")
    await asyncio.gather(migrate(settings), migrate(settings))
    await asyncio.to_thread(command.check, Config(CONFIG))
