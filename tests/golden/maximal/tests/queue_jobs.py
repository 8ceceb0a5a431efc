"""`python -m queue_jobs [COMMAND...]` is `python -m app.worker` with the jobs of the tests."""

from pathlib import Path
from typing import Any

from app.logging import request_id
from app.queue import job
from app.queue.running import job_key
from app.worker import main


@job(name="tests.note", retries=1, timeout=10)
async def note(_clients: dict[str, Any], *, file: Path, text: str) -> None:
    """Write a line; a broken one is refused until somebody has repaired it."""
    with file.open("a", encoding="utf-8") as lines:
        lines.write(f"{text} {request_id.get()} {job_key.get()}\n")
    if text == "broken" and not file.with_suffix(".repaired").exists():
        raise RuntimeError("not repaired")


if __name__ == "__main__":
    main()
