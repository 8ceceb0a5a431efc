"""The level of the log, changed while the service runs: by what a file says, in every process."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import get_args

from app.settings import Level, LogSettings, Settings

LOOK_SECONDS = 5.0
"""The longest until a change is noticed: a look is one system call."""

logger = logging.getLogger("app.log")


@asynccontextmanager
async def lifespan(settings: Settings) -> AsyncIterator[None]:
    """Follow the file until the end."""
    following = asyncio.create_task(_follow(settings.log))
    try:
        yield
    finally:
        following.cancel()
        logging.getLogger().setLevel(settings.log.level)


async def _follow(settings: LogSettings) -> None:
    known = ""
    while True:
        text = _text(settings.level_file)
        if text != known:
            known = text
            _use(text or settings.level)
        await asyncio.sleep(LOOK_SECONDS)


def _text(path: Path) -> str:
    """What the file says; empty when there is none."""
    try:
        return path.read_text(encoding="utf-8").strip().upper()
    except (OSError, UnicodeDecodeError):
        return ""


def _use(level: str) -> None:
    if level in get_args(Level):
        logging.getLogger().setLevel(level)
        logger.warning("the level of the log is now %s", level)
    else:
        logger.warning("no level of the log: %.20r", level)
