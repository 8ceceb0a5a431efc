"""`fastgen update`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from generator import console
from generator.answers import Evaluation
from generator.cli.change_view import carry_out
from generator.cli.flags import collect
from generator.cli.open_project import opened
from generator.cli.plan_view import refuse
from generator.cli.source import tell_of_edits
from generator.errors import ExitCode, FastgenError
from generator.merge.change import plan_change
from generator.merge.state import check_answers
from generator.questions import Question, load_catalog
from generator.spelling import as_data
from generator.template import Template, find_template, is_newer, unknown


def run(
    project: Annotated[
        Path, typer.Option("--project", metavar="DIR", help="The project.", show_default=False)
    ] = Path(),
    check: Annotated[
        bool, typer.Option("--check", help="Only tell: exit 5 if there is an update, else 0.")
    ] = False,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="VERSION", help="An earlier version than the newest."),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", "-d", metavar="KEY=VALUE", help="An answer (repeatable)."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, write nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Apply without asking.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document; ask nothing.")
    ] = False,
    template: Annotated[
        str | None,
        typer.Option("--template", metavar="URL", help="A copy of the template.", hidden=True),
    ] = None,
) -> None:
    """Bring a project to the template of this fastgen; your edits are kept.

    Both renders (the old template, the new one) are merged with the last commit by git.
    """
    if check:
        _check(project, template, to, json=json)
        return
    with opened(project, template) as (repository, answers):
        target = _target(answers, template, to)
        current = find_template(target.url, answers["_commit"])
        given = collect(load_catalog(target.root), data=data or ())
        ask = None if json or yes or not console.is_interactive() else where_needed
        versions = (current, target)
        change = plan_change(
            repository, answers, versions, given, refuse=refuse, spelled=as_data, ask=ask
        )
        tell_of_edits(target)
        carry_out(change, project.resolve(), dry_run=dry_run, json=json, yes=yes)


def _check(project: Path, template: str | None, to: str | None, *, json: bool) -> None:
    """Compare versions; nothing is rendered."""
    answers = check_answers(project, template)
    target = _target(answers, template, to)
    current, available = answers["_commit"], answers["_commit"] != target.commit
    if json:
        versions = {"from": current, "to": target.commit}
        console.document({"project": str(project.resolve()), "update": available, **versions})
    elif available:
        console.line(f"update available: {current} -> {target.commit}")
    else:
        console.line(f"up to date: {current}")
    if available:
        raise typer.Exit(ExitCode.UPDATE_AVAILABLE)


def _target(answers: Mapping[str, Any], template: str | None, to: str | None) -> Template:
    """Find the version to go to, which must not come before the project's."""
    url, current = template or answers["_src_path"], answers["_commit"]
    target = find_template(url) if to is None else _release(url, to)
    if target.commit is None:
        hint = "it needs git, and a template that is a git repository"
        raise FastgenError("the template's version is not known", hint, ExitCode.STATE)
    if is_newer(target, current):
        if to is None:
            raise unknown(current, target.commit)
        raise FastgenError(
            f"the project is at {current}, and {target.commit} is older",
            "to go back, undo the update's commit: `git revert`",
        )
    return target


def _release(url: str, version: str) -> Template:
    """Find a release by its number or by its tag."""
    tag = version if version.startswith("v") else f"v{version}"
    return find_template(url, tag)


def where_needed(evaluation: Evaluation, question: Question) -> object:
    """Take a new question's default; ask only where that is refused."""
    default = evaluation.default(question)
    if not evaluation.problem(question, default):
        return default
    from generator.interview import Interview

    return Interview()(evaluation, question)
