"""The form of a job in procrastinate's table."""

from pydantic_core import to_json

from app.queue.running import Task


def arguments_of(task: Task) -> str:
    """The arguments of the row, as JSON."""
    return to_json(task._asdict()).decode()
