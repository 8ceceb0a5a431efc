"""`fastgen set`."""

from pathlib import Path
from typing import Annotated

import typer

from generator.answers import Given
from generator.cli.change_view import carry_out
from generator.cli.open_project import opened
from generator.cli.plan_view import refuse
from generator.cli.source import tell_of_edits
from generator.errors import FastgenError
from generator.merge.change import plan_change
from generator.spelling import as_pair
from generator.template import find_template


def run(
    changes: Annotated[list[str], typer.Argument(metavar="KEY=VALUE...", help="New answers.")],
    project: Annotated[
        Path, typer.Option("--project", metavar="DIR", help="The project.", show_default=False)
    ] = Path(),
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
    """Change answers of a project, at its template version; your edits are kept.

    Both renders (the old answers, the new ones) are merged with the last commit by git.
    """
    given = _pairs(changes)
    with opened(project, template) as (repository, answers):
        version = find_template(template or answers["_src_path"], answers["_commit"])
        change = plan_change(
            repository, answers, (version, version), given, refuse=refuse, spelled=as_pair
        )
        tell_of_edits(version)
        carry_out(change, project.resolve(), dry_run=dry_run, json=json, yes=yes)


def _pairs(changes: list[str]) -> dict[str, Given]:
    given: dict[str, Given] = {}
    for item in changes:
        key, equals, value = item.partition("=")
        if not equals or not key.strip():
            raise FastgenError(f"`{item}` has no value", "write `fastgen set KEY=VALUE`")
        if given.setdefault(key.strip(), Given(value, item)).value != value:
            raise FastgenError(f"two answers to `{key.strip()}`", "give it once")
    return given
