"""The queue as it is: jobs that a worker process takes from the real thing."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import queue_access
from queue_jobs import note

from app.components import open_components
from app.logging import request_id
from app.queue.backend import DeadLetters
from app.settings import Settings

WAIT_SECONDS = 60
"""A worker starts within seconds, and a failed job is tried again after one."""


class Notes:
    """What the jobs of one test have written."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def lines(self) -> list[list[str]]:
        """One list of words for each run."""
        text = self.file.read_text(encoding="utf-8") if self.file.exists() else ""
        return [line.split(" ") for line in text.splitlines()]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not condition():  # noqa: ASYNC110 - another process makes it true
            await asyncio.sleep(0.05)


@pytest.fixture(scope="module", autouse=True)
def worker() -> Iterator[None]:
    """A worker process."""
    queue_access.require()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    process = subprocess.Popen([sys.executable, "-m", "queue_jobs"], env=environment)
    yield
    process.terminate()
    assert process.wait(timeout=WAIT_SECONDS) == 0


@pytest.fixture
def notes(tmp_path: Path) -> Notes:
    return Notes(tmp_path / "notes")


@pytest.fixture
async def clients(settings: Settings) -> AsyncIterator[dict[str, Any]]:
    """Components whose transactions are committed: the worker shall see them."""
    async with open_components(settings) as opened:
        yield opened


async def test_a_job_runs_with_the_id_of_its_request(
    clients: dict[str, Any], settings: Settings, notes: Notes
) -> None:
    token = request_id.set("request-1")
    async with queue_access.request(clients, settings) as queue:
        await queue.enqueue(note, file=notes.file, text="hello")
    request_id.reset(token)
    await until(notes.lines)
    ((text, sent, key),) = notes.lines()
    assert (text, sent) == ("hello", "request-1")
    assert key


async def test_a_request_that_fails_enqueues_nothing(
    clients: dict[str, Any], settings: Settings, notes: Notes
) -> None:
    async def fail() -> None:
        async with queue_access.request(clients, settings) as queue:
            await queue.enqueue(note, file=notes.file, text="refused")
            raise RuntimeError("refused")

    with pytest.raises(RuntimeError, match="refused"):
        await fail()
    async with queue_access.request(clients, settings) as queue:
        await queue.enqueue(note, file=notes.file, text="accepted")
    await until(notes.lines)
    assert [text for text, *_ in notes.lines()] == ["accepted"]


async def test_a_job_with_a_key_is_known(
    clients: dict[str, Any], settings: Settings, notes: Notes
) -> None:
    key = notes.file.parent.as_posix()
    for text in ("first", "second", "last"):
        async with queue_access.request(clients, settings) as queue:
            chosen = note if text == "last" else note.with_key(key)
            await queue.enqueue(chosen, file=notes.file, text=text)
    expected = {"first", "last"} if queue_access.KEEPS_KEYS else {"first", "second", "last"}
    await until(lambda: {text for text, *_ in notes.lines()} >= expected)
    assert {text for text, *_ in notes.lines()} == expected
    assert {at for text, _, at in notes.lines() if text != "last"} == {key}


async def test_a_job_that_keeps_failing_is_kept_and_can_be_replayed(
    clients: dict[str, Any], settings: Settings, notes: Notes
) -> None:
    async with queue_access.request(clients, settings) as queue:
        await queue.enqueue(note, file=notes.file, text="broken")
    await until(lambda: len(notes.lines()) == 2)
    async with asyncio.timeout(WAIT_SECONDS):
        while not await replay(settings, notes):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.2)
    await until(lambda: len(notes.lines()) == 3)
    assert len({key for *_, key in notes.lines()}) == 1
    assert not await replay(settings, notes)


async def replay(settings: Settings, notes: Notes) -> bool:
    """Repair and replay what failed in this test, if it is among the dead letters."""
    async with DeadLetters.open(settings) as letters:
        async for letter in letters.all():
            if notes.file.as_posix() in letter.task.arguments:
                assert letter.error == "RuntimeError: not repaired"
                notes.file.with_suffix(".repaired").touch()
                await letters.replay(letter)
                return True
    return False
