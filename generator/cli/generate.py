"""`fastgen generate`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from generator import artefacts, console, detect
from generator.answers import DETECTED, Given, resolve
from generator.artefacts import Change
from generator.cli.flags import collect, with_question_flags
from generator.cli.source import tell_of_edits
from generator.errors import ExitCode, FastgenError
from generator.questions import Catalog, load_catalog
from generator.template import find_template

DEPLOYMENTS = (*artefacts.IN_CONTAINERS, "systemd")


@dataclass(frozen=True)
class Request:
    """What is generated, for which project."""

    wanted: list[str]
    root: Path
    given: Mapping[str, Given]
    catalog: Catalog

    @property
    def own(self) -> bool:
        """Tell whether fastgen made the project."""
        return artefacts.is_own(self.root)


def generate(
    *,
    names: Annotated[
        list[str],
        typer.Argument(metavar="ARTEFACT...", help=", ".join(artefacts.FILES)),
    ],
    project: Annotated[
        Path, typer.Option("--project", metavar="DIR", help="The project.", show_default=False)
    ] = Path(),
    stdout: Annotated[bool, typer.Option("--stdout", help="Print the files, write none.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that differ.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written.")] = False,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", "-d", metavar="KEY=VALUE", help="An answer (repeatable)."),
    ] = None,
    data_file: Annotated[
        Path | None, typer.Option("--data-file", metavar="FILE", help="Answers, YAML or JSON.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document; ask nothing.")
    ] = False,
    template: Annotated[
        str | None, typer.Option("--template", metavar="URL", help="Another template.")
    ] = None,
    flags: dict[str, object],
) -> None:
    """Write deployment files into a FastAPI or Starlette project, also one of other origin.

    What the files need is read from the code, never by importing it; flags and `-d` win. Files that
    differ from the generated ones are shown as a diff and kept, unless `--force` is given.
    """
    source = find_template(template)
    catalog = load_catalog(source.root)
    root = project.expanduser().absolute()
    if not root.is_dir():
        raise FastgenError(f"there is no directory `{root}`", "give the project with `--project`")
    given = collect(catalog, flags=flags, data=data or (), data_file=data_file)
    request = Request(artefacts.check_names(names), root, given, catalog)
    answers, findings, notes = _answers(request, quiet=json)
    values = {key: answer.value for key, answer in answers.items()}
    wanted = _with_needed(request)
    files = artefacts.rendered(source, values, wanted, own=request.own)
    changes = list(artefacts.compare(root, files))
    tell_of_edits(source)
    if json:
        _document(values, findings, notes, changes)
    else:
        _tell(findings, notes)
    if stdout and not json:
        _print(changes)
    elif not stdout and not dry_run:
        _write(root, changes, force=force, quiet=json)
    elif dry_run and not json:
        _list(changes, "would be ")


def _answers(
    request: Request, *, quiet: bool
) -> tuple[Mapping[str, Any], list[detect.Finding], list[str]]:
    """Answer every question: the command line, then what is known of the project, then defaults."""
    if request.own:
        known = artefacts.recorded(request.root, ".copier-answers.yml")
        return resolve(request.catalog, _in_service(request, known)), [], []
    known = _still_known(request)
    found = detect.detect(request.root)
    application = _choose(found, request, known, quiet=quiet)
    images = [str(choice.value) for choice in request.catalog.questions["python_version"].choices]
    about = detect.about(found, application, request.root, images)
    before = _recorded_list(known, "artefacts")
    chosen = [name for name in artefacts.FILES if name in {*before, *request.wanted}]
    findings = [one for one in about.findings if one.key != "load_paths" or "loadtest" in chosen]
    detected = {one.key: Given(one.value, DETECTED) for one in findings}
    asked = {question.key for question in request.catalog.asked}
    still_asked = {key: one for key, one in {**detected, **known}.items() if key in asked}
    answers = {
        **still_asked,
        **request.given,
        "artefacts": Given(chosen, "ARTEFACT"),
        "scope": Given("deploy", "the command"),
    }
    resolved = resolve(request.catalog, answers, scope="deploy")
    if "dockerfile" in chosen:
        detect.check_installable(request.root, {key: one.value for key, one in resolved.items()})
    notes = [*about.notes, *artefacts.in_use(request.root, chosen)]
    return resolved, findings, notes


def _still_known(request: Request) -> dict[str, Given]:
    """Take what an earlier run recorded; for another application what followed from that one goes."""
    known = artefacts.recorded(request.root, artefacts.ANSWERS_FILE)
    given, before = request.given.get("app_path"), known.get("app_path")
    if given is None or before is None or given.value == before.value:
        return known
    return {key: one for key, one in known.items() if key not in detect.OF_THE_APPLICATION}


def _in_service(request: Request, known: dict[str, Given]) -> dict[str, Given]:
    """Take a project's own answers, with the wanted deployments among them."""
    before = _recorded_list(known, "deployment")
    deployment = list(dict.fromkeys([*before, *(n for n in request.wanted if n in DEPLOYMENTS)]))
    if "dockerfile" in request.wanted and not {*artefacts.IN_CONTAINERS} & set(deployment):
        deployment.append("compose")
    if "nginx" in request.wanted and not {"compose", "systemd"} & set(deployment):
        deployment.append("compose")
    edge = {"http_edge": Given("nginx", "ARTEFACT")} if "nginx" in request.wanted else {}
    both = {**known, "deployment": Given(deployment, "ARTEFACT"), **edge, **request.given}
    if "loadtest" in request.wanted and both.get("load_test", Given("none", "")).value == "none":
        both["load_test"] = Given("locust", "ARTEFACT")
    asked = {question.key for question in request.catalog.asked}
    return {key: answer for key, answer in both.items() if key in asked and key != "scope"}


def _recorded_list(known: Mapping[str, Given], key: str) -> list[str]:
    value = known[key].value if key in known else []
    return [str(item) for item in value] if isinstance(value, list) else []


def _choose(
    found: detect.Detected, request: Request, known: Mapping[str, Given], *, quiet: bool
) -> detect.Application:
    wanted, directory = (
        str(one.value) if (one := request.given.get(key) or known.get(key)) else None
        for key in ("app_path", "app_dir")
    )
    try:
        return detect.choose(found, wanted, request.root, directory)
    except detect.SeveralApplicationsError as several:
        if quiet or not console.is_interactive():
            raise
        import questionary

        choices = [
            questionary.Choice(f"{one.target}  {one.path}:{one.line}", value=one)
            for one in several.candidates
        ]
        chosen = questionary.select("Which application?", choices=choices).ask()
        if chosen is None:
            raise typer.Exit(130) from None
        application: detect.Application = chosen
        return application


def _with_needed(request: Request) -> list[str]:
    """Add what the wanted files refer to, where it comes from the same answers."""
    if not request.own:
        return artefacts.with_edge(request.wanted)
    needed = [other for name in request.wanted for other in artefacts.NEEDS.get(name, ())]
    return list(dict.fromkeys([*request.wanted, *needed]))


def _tell(findings: Iterable[detect.Finding], notes: Iterable[str]) -> None:
    """Say what was detected, and where."""
    for finding in findings:
        place = finding.place if finding.line else finding.path
        console.message(f"detected {finding.key} = {console.plain(finding.value)}  ({place})")
    for note in notes:
        console.message(f"note: {note}")


def _print(changes: Iterable[Change]) -> None:
    """Print the files; more than one are told apart by a comment."""
    shown = [change for change in changes if change.path != artefacts.ANSWERS_FILE]
    for change in shown:
        if len(shown) > 1:
            console.line(f"# --- {change.path}")
        console.line(change.text.removesuffix("\n"))


def _write(root: Path, changes: list[Change], *, force: bool, quiet: bool) -> None:
    differing = [
        one for one in changes if one.status == "differs" and one.path != artefacts.ANSWERS_FILE
    ]
    if differing and not force:
        for change in differing:
            console.message(change.diff())
        names = ", ".join(change.path for change in differing)
        raise FastgenError(
            f"{len(differing)} files differ, nothing was written: {names}",
            "`--force` overwrites them, `--stdout` prints the generated ones",
            ExitCode.USAGE,
        )
    artefacts.write(root, changes)
    if not quiet:
        _list(changes, "")


def _list(changes: Iterable[Change], prefix: str) -> None:
    words = {"new": "written", "differs": "overwritten", "same": "unchanged"}
    for change in changes:
        word = words[change.status]
        console.line(f"{prefix if change.status != 'same' else ''}{word}  {change.path}")


def _document(
    answers: Mapping[str, Any],
    findings: Iterable[detect.Finding],
    notes: list[str],
    changes: Iterable[Change],
) -> None:
    console.document(
        {
            "answers": answers,
            "detected": [
                {"key": one.key, "value": one.value, "place": one.place} for one in findings
            ],
            "notes": notes,
            "files": [
                {"path": one.path, "status": one.status, "content": one.text} for one in changes
            ],
        }
    )


run = with_question_flags(
    generate, only=lambda _, question: question.key not in {"scope", "artefacts", "deployment"}
)
