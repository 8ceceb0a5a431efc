import asyncio
import time
from typing import Any

import pytest
from app_fixtures import client_of

from app import development
from app.development import DevelopmentSettings
from app.main import create_app
from app.settings import Settings


def developing(settings: Settings, blocking_ms: int = 0, profile: bool = False) -> Settings:
    chosen = DevelopmentSettings(blocking_ms=blocking_ms, profile=profile)
    return settings.model_copy(update={"development": chosen})


def stacks(caplog: pytest.LogCaptureFixture, file: str = "test_development.py") -> list[str]:
    """What held the loop in `file`, as it was logged."""
    told = [record for record in caplog.records if "held for more than" in record.message]
    told_of = [record.__dict__["fields"]["exception"] for record in told]
    return [stack for stack in told_of if file in stack.rpartition("File ")[2]]


async def test_who_holds_the_event_loop_is_logged(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with development.lifespan(developing(settings, blocking_ms=20)):
        await asyncio.sleep(0.1)
        assert not stacks(caplog)
        time.sleep(0.2)  # noqa: ASYNC251 - the mistake that is to be found
        await asyncio.sleep(0.1)
    (stack,) = stacks(caplog)
    assert "time.sleep(0.2)" in stack


async def test_code_without_a_module_is_found_too(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with development.lifespan(developing(settings, blocking_ms=20)):
        await asyncio.sleep(0.1)
        exec("sleep(0.2)", {"sleep": time.sleep})  # noqa: S102 - as libraries make classes
        await asyncio.sleep(0.1)
    assert len(stacks(caplog, "<string>")) == 1


async def test_a_request_is_answered_with_its_profile(
    settings: Settings, state: dict[str, Any]
) -> None:
    app = create_app(developing(settings, profile=True))
    async with client_of(app, state) as client:
        assert "pyinstrument" in (await client.get("/livez?profile=1")).text
        assert (await client.get("/livez?profile=0")).json() == {"status": "ok"}


async def test_elsewhere_nobody_gets_a_profile(settings: Settings, state: dict[str, Any]) -> None:
    app = create_app(developing(settings))
    async with client_of(app, state) as client:
        assert (await client.get("/livez?profile=1")).json() == {"status": "ok"}
