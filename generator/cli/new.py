"""`fastgen new`."""

import shlex
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from generator import console, project
from generator.answers import ASKED, DEFAULT, Answer, Given, check, compute, display, resolve, typed
from generator.cli import steps
from generator.cli.flags import collect, with_question_flags
from generator.cli.plan_view import refuse, show_plan
from generator.cli.source import tell_of_edits
from generator.project import Step
from generator.questions import Catalog, load_catalog
from generator.template import Template, find_template


@dataclass(frozen=True)
class Options:
    """What one run is to do besides rendering."""

    dry_run: bool
    git: bool
    lock: bool
    json: bool


@dataclass(frozen=True)
class Made:
    """A rendered project: its files, all answers (the computed ones too), the optional steps."""

    files: list[str]
    answers: Mapping[str, Any]
    git: Step
    lock: Step


def new(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The project and its folder.")],
    output: Annotated[
        Path, typer.Option("--output", metavar="DIR", help="Parent directory.", show_default=False)
    ] = Path(),
    preset: Annotated[
        str | None, typer.Option("--preset", help="A set of answers; see `fastgen options`.")
    ] = None,
    defaults: Annotated[
        bool, typer.Option("--defaults", "-y", help="Ask nothing, take the defaults.")
    ] = False,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", "-d", metavar="KEY=VALUE", help="An answer (repeatable)."),
    ] = None,
    data_file: Annotated[
        Path | None, typer.Option("--data-file", metavar="FILE", help="Answers, YAML or JSON.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show plan and tree, write nothing.")
    ] = False,
    no_git: Annotated[bool, typer.Option("--no-git", help="Make no git repository.")] = False,
    no_lock: Annotated[bool, typer.Option("--no-lock", help="Write no uv.lock.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document; ask nothing.")
    ] = False,
    template: Annotated[
        str | None, typer.Option("--template", metavar="URL", help="Another template.")
    ] = None,
    flags: dict[str, object],
) -> None:
    """Make the service NAME: ask, show the plan, render into ./NAME.

    Answers come from options, `-d`, the data file and the preset, in this order; the rest is
    asked on a terminal. Elsewhere `--defaults` answers the rest (a preset alone does not).
    """
    source = find_template(template)
    catalog = load_catalog(source.root)
    given = collect(
        catalog, name=name, flags=flags, data=data or (), data_file=data_file, preset=preset
    )
    check(catalog, "project_name", given["project_name"])
    destination = output.expanduser().absolute() / name
    project.check_destination(destination)
    answers = _answers(catalog, given, defaults=defaults, json=json)
    options = Options(dry_run, not no_git, not no_lock, json)
    values = {key: answer.value for key, answer in answers.items()}
    computed = compute(catalog, values, "plan")
    refuse(computed)
    if not _agreed(answers, computed, _command(name, output, answers), options):
        console.message("nothing written")
        raise typer.Exit(1)
    tell_of_edits(source)
    made = _make(source, destination, answers, options)
    _show(destination, answers, made, options)


def _answers(
    catalog: Catalog, given: Mapping[str, Given], *, defaults: bool, json: bool
) -> dict[str, Answer]:
    """Answer every question; ask on a terminal."""
    if defaults or json or not console.is_interactive():
        return resolve(catalog, given, defaults=defaults)
    from generator.interview import Interview

    return resolve(catalog, given, Interview())


def _agreed(
    answers: Mapping[str, Answer], computed: Mapping[str, Any], command: str, options: Options
) -> bool:
    """After an interview, show what was decided and ask whether to go on."""
    if not any(answer.source == ASKED for answer in answers.values()):
        return True
    from generator.interview import confirm

    rows = [(key, display(answer.value), _why(answer)) for key, answer in answers.items()]
    console.table("Choices", ("choice", "value", "why"), rows, to_stderr=True)
    show_plan(computed, to_stderr=True)
    console.message(f"\nThe same without questions:\n  {command}\n")
    return options.dry_run or confirm("Render the project?")


def _why(answer: Answer) -> str:
    if answer.source in {ASKED, DEFAULT}:
        return "default" if answer.is_default else "your answer"
    return f"from {answer.source}"


def _command(name: str, output: Path, answers: Mapping[str, Answer]) -> str:
    """Give the command that makes the same project without asking."""
    words = ["fastgen", "new", name, "--defaults"]
    if output != Path():
        words += ["--output", str(output)]
    for key, answer in answers.items():
        if not answer.is_default and key != "project_name":
            words += ["-d", f"{key}={typed(answer.value)}"]
    return shlex.join(words)


def _make(
    source: Template, destination: Path, answers: Mapping[str, Answer], options: Options
) -> Made:
    """Render, lock and commit out of sight; then move the project to its place."""
    values = {key: answer.value for key, answer in answers.items()}
    if options.dry_run:
        with tempfile.TemporaryDirectory(prefix="fastgen-") as folder:
            staged = Path(folder, destination.name)
            rendered = project.render(source, staged, values)
            skipped = Step("skipped", "dry run")
            return Made(project.files(staged), rendered, skipped, skipped)
    with project.staging(destination) as staged:
        rendered = project.render(source, staged, values)
        lock = _lock(staged, options)
        git = _commit(staged, destination, values, options)
        files = project.files(staged)
        project.publish(staged, destination)
    return Made(files, rendered, git, lock)


def _lock(staged: Path, options: Options) -> Step:
    if not options.lock:
        return Step("skipped", "--no-lock")
    return project.lock_dependencies(staged)


def _commit(staged: Path, destination: Path, values: Mapping[str, Any], options: Options) -> Step:
    if not options.git:
        return Step("skipped", "--no-git")
    identity = (values.get("author_name", ""), values.get("author_email", ""))
    return project.first_commit(staged, destination.parent, identity)


def _show(destination: Path, answers: Mapping[str, Answer], made: Made, options: Options) -> None:
    """Print the result: the tree and the next steps, or one JSON document."""
    following = steps.next_steps(destination, made.answers["features"], [made.lock, made.git])
    notes = [f"{what}: {step.reason}" for what, step in _failed(made)]
    if options.json:
        console.document(
            {
                "path": str(destination),
                "dry_run": options.dry_run,
                "answers": {key: answer.value for key, answer in answers.items()},
                "plan": made.answers.get("plan"),
                "files": made.files,
                "git": console.plain(made.git),
                "lock": console.plain(made.lock),
                "next_steps": following,
                "warnings": notes,
            }
        )
        return
    for note in notes:
        console.warning(note)
    console.tree(destination.name, made.files)
    if options.dry_run:
        show_plan(made.answers["plan"])
        console.message("dry run: nothing written")
        return
    console.line("\nNext:")
    for step in following:
        console.line(f"  {step}")


def _failed(made: Made) -> list[tuple[str, Step]]:
    both = [("no git commit", made.git), ("no uv.lock", made.lock)]
    return [(what, step) for what, step in both if step.status == "failed"]


run = with_question_flags(new, only=lambda _, question: question.key != "project_name")
