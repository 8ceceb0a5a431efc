"""Dead letters: jobs that failed for good, kept until somebody looks."""

from datetime import UTC, datetime
from typing import NamedTuple, Self

from pydantic import TypeAdapter

from app.queue.attempts import describe
from app.queue.running import Task


class Letter(NamedTuple):
    """A job that failed for good."""

    task: Task
    error: str
    at: str
    """When it was given up, UTC."""
    id: str = ""
    """What `replay` calls it."""

    @classmethod
    def of(cls, task: Task, error: Exception) -> Self:
        """The letter of a task that was given up now."""
        return cls(task, describe(error), datetime.now(UTC).isoformat(timespec="seconds"))

    def dump(self) -> bytes:
        """The letter as JSON."""
        return _LETTER.dump_json(self)

    @classmethod
    def load(cls, raw: bytes, id_: str) -> "Letter":
        """The letter from JSON."""
        return _LETTER.validate_json(raw)._replace(id=id_)


_LETTER: TypeAdapter[Letter] = TypeAdapter(Letter)
