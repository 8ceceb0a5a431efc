"""Every template file in every combination of the answers that it depends on: see `exhaustive`."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from combinations import SUFFIX, Renderer, checked, drawn
from exhaustive import DAY, NIGHT, Exhaustive, Limits, Made
from static_checks import RUFF, document_problem, ruff_problems, shelved, text_problem

pytestmark = pytest.mark.slow
SHARES = 4
"""Parts of the files, so that two processes are done at about the same time."""
ENVIRONMENTS = (f"app/environments/{one}.toml" for one in ("development", "staging", "production"))
PARTIAL = {
    DAY: {
        *("README.md", "pyproject.toml", "compose.yaml", "Dockerfile", "deploy/systemd/README.md"),
        *(".github/workflows/ci.yml", ".gitlab-ci.yml", "loadtest/mix.toml"),
        *("app/settings.py", "app/components.py", *ENVIRONMENTS),
    },
    NIGHT: {"README.md"},
}
"""Files of which not every combination is tried: lists of what nearly every answer adds to."""


@cache
def rendered_share(share: int, limits: Limits) -> Exhaustive:
    """Render a share of the template files; once, in whatever order the tests come."""
    sources = [one for one in Renderer().sources if one.suffix == SUFFIX and one.parts[1:]]
    found = Exhaustive(limits)
    found.run(sources[share::SHARES])
    return found


shares = pytest.mark.parametrize(
    ("share", "limits"),
    [
        pytest.param(
            share,
            limits,
            id=f"{name}{share}",
            marks=[pytest.mark.xdist_group(f"every-file-{name}{share}"), *marks],
        )
        for name, limits, marks in (("", DAY, []), ("night-", NIGHT, [pytest.mark.nightly]))
        for share in range(SHARES)
    ],
)


@shares
def test_each_text_is_whole_and_can_be_read(
    share: int, limits: Limits, record_property: Callable[[str, object], None]
) -> None:
    exhaustive = rendered_share(share, limits)
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
def test_python_is_clean_in_each_combination(share: int, limits: Limits, tmp_path: Path) -> None:
    exhaustive = rendered_share(share, limits)
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
def test_nothing_is_read_that_is_not_noted(share: int, limits: Limits) -> None:
    """What other projects render is among the texts: nothing but what is noted decides about one."""
    exhaustive = rendered_share(share, limits)
    known: dict[str, set[str]] = {}
    for made in exhaustive.texts.values():
        known.setdefault(str(made.source), set()).add(made.text)
    renderer = Renderer()
    for answers in drawn(20, seed=23):
        context = renderer.context(answers) | {"project_name": "demo"}
        for source in exhaustive.compared(context):
            text, _ = exhaustive.reader.render(f"templates/{source}", context)
            assert text in known[str(source)], f"{source} [{answers}]"


@shares
def test_no_more_is_left_out_than_is_said(share: int, limits: Limits) -> None:
    exhaustive = rendered_share(share, limits)
    partial = {
        "/".join(one.parts[1:]).removesuffix(SUFFIX)
        for one, whole in exhaustive.complete.items()
        if not whole
    }
    assert partial <= PARTIAL[limits]


def test_a_combination_names_its_file() -> None:
    made = Made("a.py", "", Renderer().sources[0], {"cache": "redis"})
    assert "cache=redis" in made.where
