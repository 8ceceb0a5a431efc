"""A resource whose jobs leave traces, added to rendered projects by the tests of queues."""

from pathlib import Path

TASKS = '''"""Jobs that leave traces in the database."""

import asyncio
import os
from typing import Any

from sqlalchemy import text

from app.queue import job
from app.queue.running import job_key

START = text("INSERT INTO probe_starts (name, process) VALUES (:name, :process)")
EFFECT = text("INSERT INTO probe_effects (key, name) VALUES (:key, :name) ON CONFLICT DO NOTHING")
CURED = text("SELECT 1 FROM probe_effects WHERE name = 'cure'")


@job(timeout=30, retries=1)
async def trace(clients: dict[str, Any], *, name: str, seconds: float = 0) -> None:
    database = clients["database"]
    async with database.transaction() as session:
        await session.execute(START, {"name": name, "process": os.getpid()})
    await asyncio.sleep(seconds)
    async with database.transaction() as session:
        cured = (await session.execute(CURED)).first()
        if name.startswith("poison") and cured is None:
            raise RuntimeError("poison")
        await session.execute(EFFECT, {"key": job_key.get(), "name": name})


@job(schedule="* * * * *", timeout=10, retries=1)
async def tick(clients: dict[str, Any]) -> None:
    async with clients["database"].transaction() as session:
        await session.execute(EFFECT, {"key": job_key.get(), "name": "tick"})
'''

ENDPOINTS = '''"""Routes that enqueue the jobs."""

from fastapi import APIRouter, HTTPException
from sqlalchemy import text

from app.database import Session
from app.probe.tasks import trace
from app.queue import Queue

router = APIRouter(prefix="/probe")


@router.post("/{name}")
async def enqueue(
    name: str,
    session: Session,
    queue: Queue,
    seconds: float = 0,
    fail: bool = False,
    key: str = "",
) -> str:
    await session.execute(text("INSERT INTO probe_requests (name) VALUES (:name)"), {"name": name})
    await queue.enqueue(trace.with_key(key), name=name, seconds=seconds)
    if fail:
        raise HTTPException(409)
    return name
'''

TABLES = """
CREATE TABLE probe_requests (name text);
CREATE TABLE probe_starts (name text, process integer);
CREATE TABLE probe_effects (key text PRIMARY KEY, name text);
"""


def add_to(project: Path) -> None:
    """Write the resource into a rendered project and list it there."""
    package = project / "app" / "probe"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "tasks.py").write_text(TASKS, encoding="utf-8")
    (package / "endpoints.py").write_text(ENDPOINTS, encoding="utf-8")
    for file, line in (
        ("jobs.py", "from app.probe import tasks as _probe"),
        (
            "api.py",
            "from app.probe import endpoints as _probe\nROUTERS += (_probe.router,)",
        ),
    ):
        path = project / "app" / file
        path.write_text(f"{path.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
