import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from app import log_level
from app.settings import Settings


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_level, "LOOK_SECONDS", 0.01)


async def becomes_true(seen: Callable[[], bool]) -> None:
    for _ in range(500):
        if seen():
            return
        await asyncio.sleep(0.01)
    pytest.fail("not seen within five seconds")


async def expect(level: int) -> None:
    await becomes_true(lambda: logging.getLogger().level == level)


def following(settings: Settings, file: Path) -> Settings:
    log = settings.log.model_copy(update={"level": "INFO", "level_file": file})
    return settings.model_copy(update={"log": log})


async def test_the_file_changes_the_level(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "log-level"
    async with log_level.lifespan(following(settings, file)):
        file.write_text("error\n")
        await expect(logging.ERROR)
        file.unlink()
        await expect(logging.INFO)


async def test_what_is_no_level_changes_nothing(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "log-level"
    async with log_level.lifespan(following(settings, file)):
        file.write_text("WARNING")
        await expect(logging.WARNING)
        file.write_text("LOUD")
        await becomes_true(lambda: "LOUD" in caplog.text)
        assert logging.getLogger().level == logging.WARNING
