"""`fastgen plan`."""

from pathlib import Path
from typing import Annotated

import typer

from generator import console, project
from generator.answers import PROJECT, Given, compute, nearest, resolve
from generator.cli.flags import collect, with_question_flags
from generator.cli.plan_view import refuse, show_plan
from generator.errors import FastgenError
from generator.questions import Catalog, Question, load_catalog
from generator.template import find_template

ANY_NAME = "service"
"""A project's name has no say in its numbers, but every question wants an answer."""


def plan(
    *,
    folder: Annotated[
        Path | None,
        typer.Option("--project", metavar="DIR", help="Use this project's answers (default: .)."),
    ] = None,
    preset: Annotated[str | None, typer.Option("--preset", help="A set of answers.")] = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", "-d", metavar="KEY=VALUE", help="An answer (repeatable)."),
    ] = None,
    why: Annotated[
        str, typer.Option("--why", metavar="ENVIRONMENT", help="Whose reasons to show.")
    ] = "production",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    template: Annotated[
        str | None, typer.Option("--template", metavar="URL", help="Another template.")
    ] = None,
    flags: dict[str, object],
) -> None:
    """Compute workers, pools, timeouts and proxy values, without rendering anything.

    Inside a project its answers are used; options change them for this run.
    """
    catalog = load_catalog(find_template(template).root)
    given = collect(catalog, flags=flags, data=data or (), preset=preset)
    known = _project_answers(catalog, folder)
    answers = resolve(catalog, {"project_name": Given(ANY_NAME, PROJECT)} | known | given)
    values = {key: answer.value for key, answer in answers.items()}
    computed = compute(catalog, values, "plan")
    if why not in computed["environments"]:
        raise FastgenError(f"no such environment: `{why}`", nearest(why, computed["environments"]))
    if json:
        console.document(computed)
    else:
        show_plan(computed, why)
    refuse(computed)


def _project_answers(catalog: Catalog, folder: Path | None) -> dict[str, Given]:
    """Read the answers of the project in `folder`, or here if there is one."""
    if folder is None and not Path(project.ANSWERS_FILE).is_file():
        return {}
    asked = {question.key for question in catalog.asked}
    found = project.read_answers(folder or Path())
    return {key: Given(value, PROJECT) for key, value in found.items() if key in asked}


def _sizes(catalog: Catalog, question: Question) -> bool:
    return any(group.sizing for group in catalog.groups if group.title == question.group)


run = with_question_flags(plan, only=_sizes)
