"""Edits in a project of the real template survive any change of its answers.

What is rendered is real here, and the edits are random: any two projects that can be made, and any
lines, names and files that a person may change between them.
"""

from functools import cache

import pytest
from combinations import Renderer, drawn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moving import git
from test_merge_properties import KINDS, Files, Operation, changed, updated, written_lines

from generator.merge.plan import describe

PROJECTS = 12
TARGETS = ("app/moved.py", "app/new/deep/file.py", "docs/notes.md", "migrations/mine.sql", "zz.txt")
edits = st.lists(
    st.builds(
        Operation, st.sampled_from(KINDS), st.integers(0, 199), st.integers(0, 300),
        st.sampled_from(TARGETS),
    ),
    max_size=8,
)  # fmt: skip
projects = st.integers(0, PROJECTS - 1)


@cache
def rendered() -> list[Files]:
    """Render projects with random answers."""
    return [dict(Renderer().render(answers).files) for answers in drawn(PROJECTS)]


def check(first: int, second: int, steps: list[Operation]) -> None:
    """Change the answers of an edited project from those of one to those of another."""
    old, new = rendered()[first], rendered()[second]
    mine = changed(old, steps, "person")
    with updated(old, mine, new) as case:
        after = case.after
        assert written_lines(mine, old) <= written_lines(after, {}), "a person's line is lost"
        assert after.pop(".env") == b"SECRET=42\n"
        plan = describe(case.merged)
        unmerged = git(case.repository.top, "ls-files", "-u", "-z")
        assert bool(unmerged) == bool(plan.conflicting)
        if mine == old:
            assert (after, plan.conflicting, plan.kept) == (new, [], [])
        if first == second:
            assert after == mine


PROFILE = settings(
    deadline=None, max_examples=10, suppress_health_check=list(HealthCheck), derandomize=True
)


@pytest.mark.slow
@PROFILE
@given(first=projects, second=projects, steps=edits)
def test_edits_survive(first: int, second: int, steps: list[Operation]) -> None:
    check(first, second, steps)


@pytest.mark.slow
@pytest.mark.nightly
@settings(PROFILE, max_examples=150, derandomize=False)
@given(first=projects, second=projects, steps=edits)
def test_edits_survive_at_length(first: int, second: int, steps: list[Operation]) -> None:
    check(first, second, steps)
