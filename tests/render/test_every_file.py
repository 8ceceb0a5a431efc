"""Every template file in every combination of the answers that it depends on: see `exhaustive`."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from combinations import SUFFIX, Renderer, checked, drawn
from exhaustive import Exhaustive, Made
from static_checks import RUFF, document_problem, ruff_problems, shelved, text_problem

pytestmark = pytest.mark.slow
SHARES = 2
"""Processes that share the work."""


@cache
def rendered_share(share: int) -> Exhaustive:
    """Render a share of the template files; once, in whatever order the tests come."""
    sources = [one for one in Renderer().sources if one.suffix == SUFFIX and one.parts[1:]]
    found = Exhaustive()
    found.run(sources[share::SHARES])
    return found


shares = pytest.mark.parametrize(
    "share",
    [
        pytest.param(share, marks=pytest.mark.xdist_group(f"every-file-{share}"))
        for share in range(SHARES)
    ],
)


@shares
def test_each_text_is_whole_and_can_be_read(
    share: int, record_property: Callable[[str, object], None]
) -> None:
    exhaustive = rendered_share(share)
    record_property("files", len(exhaustive.reads))
    record_property("combinations", sum(exhaustive.combinations.values()))
    record_property("texts", len(exhaustive.texts))
    wrong = [
        f"{made.where}: {problem}"
        for made in exhaustive.texts.values()
        if (problem := text_problem(made.path, made.text.encode()))
        or (problem := document_problem(made.path, made.text))
    ]
    assert not wrong, "\n".join(wrong[:20])


@shares
def test_python_is_clean_in_each_combination(share: int, tmp_path: Path) -> None:
    exhaustive = rendered_share(share)
    manifest = Renderer().render(checked({}) or {}).files["pyproject.toml"]
    files = [
        (made.path, made.text.encode(), made.where)
        for made in exhaustive.texts.values()
        if made.path.endswith(".py")
    ]
    origin = shelved(tmp_path, files, manifest)
    wrong = [line for command in RUFF for line in ruff_problems(tmp_path, origin, command)]
    assert not wrong, "\n".join(wrong[:20])


@shares
def test_nothing_is_read_that_is_not_noted(share: int) -> None:
    """What other projects render is among the texts: nothing but what is noted decides about one."""
    exhaustive = rendered_share(share)
    known: dict[str, set[str]] = {}
    for made in exhaustive.texts.values():
        known.setdefault(str(made.source), set()).add(made.text)
    renderer = Renderer()
    for answers in drawn(20, seed=23):
        context = renderer.context(answers) | {"project_name": "demo"}
        for source in exhaustive.compared(context):
            text, _ = exhaustive.reader.render(f"templates/{source}", context)
            assert text in known[str(source)], f"{source} [{answers}]"


def test_a_combination_names_its_file() -> None:
    made = Made("a.py", "", Renderer().sources[0], {"cache": "redis"})
    assert "cache=redis" in made.where
