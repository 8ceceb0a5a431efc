"""Migrations: both ways, and safe when two run at once."""

import asyncio
import logging

import pytest

from app.migrate import available, downgrade, upgrade
from app.settings import Settings


async def test_down_and_up_again(settings: Settings) -> None:
    undone = [await downgrade(settings) for _ in available()]
    assert undone == available()[::-1]
    assert await downgrade(settings) is None
    assert await upgrade(settings) == available()
    assert await upgrade(settings) == []


async def test_two_at_once(settings: Settings) -> None:
    for _ in available():
        await downgrade(settings)
    applied = await asyncio.gather(upgrade(settings), upgrade(settings))
    assert sorted(applied, key=len) == sorted([[], available()], key=len)


async def test_each_migration_is_logged(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="app.migrate"):
        for _ in available():
            await downgrade(settings)
        await upgrade(settings)
    assert len(caplog.records) == 2 * len(available())
