"""Opening a project that is to be changed: alone, whole, and committed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from generator import console
from generator.merge.apply import recover
from generator.merge.state import (
    Repository,
    check_answers,
    check_clean,
    locked,
    open_repository,
)


@contextmanager
def opened(project: Path, template: str | None) -> Iterator[tuple[Repository, dict[str, Any]]]:
    """Lock a project, undo what a killed run left, check its state, and read its answers."""
    repository = open_repository(project)
    with locked(repository):
        if recover(repository):
            console.warning("a run was killed half-way; the project is as it was before that run")
        answers = check_answers(repository.folder, template)
        check_clean(repository)
        yield repository, answers
