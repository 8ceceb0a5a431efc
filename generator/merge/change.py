"""A change of a project: other answers, another version of the template, or both."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator import artefacts, project
from generator.answers import PROJECT, Answer, Ask, Evaluation, Given, compute, resolve
from generator.errors import ExitCode, FastgenError
from generator.merge.engine import Merge, Spared, collisions, merge, overlooked, place
from generator.merge.notices import Notice, Side, notices
from generator.merge.plan import FilePlan, describe
from generator.merge.state import Repository
from generator.questions import Catalog, load_catalog
from generator.spelling import Spelling, as_line
from generator.template import Template

Answers = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """What is to happen: the answers before and after, the merge and its files, and the notices."""

    old: Template
    new: Template
    before: Answers
    after: Mapping[str, Answer]
    merge: Merge
    files: FilePlan
    notices: list[Notice]

    @property
    def answers(self) -> dict[str, tuple[object, object]]:
        """The answers that change, as they were and as they will be (None: not asked)."""
        after = {key: answer.value for key, answer in self.after.items()}
        keys = dict.fromkeys([*after, *self.before])
        pairs = {key: (self.before.get(key), after.get(key)) for key in keys}
        return {key: (was, now) for key, (was, now) in pairs.items() if was != now}


def plan_change(
    repository: Repository,
    recorded: Answers,
    templates: tuple[Template, Template],
    given: Mapping[str, Given],
    *,
    refuse: Callable[[Answers], None],
    spelled: Spelling,
    ask: Ask | None = None,
) -> Change:
    """Work out the change from the first template with the recorded answers to the second.

    Nothing is changed. A refused answer is told as in `fastgen new`, and `spelled` writes it as the
    command takes it; `refuse` raises for a computed plan that cannot work.
    """
    old, new = templates
    catalogs = [load_catalog(old.root)]
    catalogs.append(catalogs[0] if new.root == old.root else load_catalog(new.root))
    before = _before(catalogs[0], recorded, repository.answers_file)
    after = _after(catalogs[1], recorded, given, spelled, ask)
    values = {key: answer.value for key, answer in after.items()}
    if "plan" in catalogs[1].questions:
        refuse(compute(catalogs[1], values, "plan"))
    (old_top, was), (new_top, will) = (
        _rendered(repository, template, answers)
        for template, answers in ((old, before), (new, values))
    )
    spared = _spared(catalogs[1], values)
    merged = merge(repository, old_top, new_top, f"fastgen {new.commit}", spared)
    _refuse_collisions(merged)
    return Change(old, new, before, after, merged, describe(merged), notices(was, will, merged))


def _before(catalog: Catalog, recorded: Answers, name: str) -> dict[str, Any]:
    """Give the answers that the project was rendered with, as the file `name` has them."""
    try:
        known = _known(catalog, recorded)
        answers = resolve(catalog, known, scope=_scope(recorded), spelled=as_line)
    except FastgenError as error:
        hint = f"correct `{name}`, then commit; {error.hint}"
        message = f"the project's answers are not valid: {error.message}"
        raise FastgenError(message, hint, ExitCode.STATE) from error
    return {key: answer.value for key, answer in answers.items()}


def _after(
    catalog: Catalog,
    recorded: Answers,
    given: Mapping[str, Given],
    spelled: Spelling,
    ask: Ask | None,
) -> dict[str, Answer]:
    """Answer the questions anew; recorded answers to gone questions still serve as defaults."""
    gone = {key: value for key, value in recorded.items() if key not in catalog.questions}
    both = _known(catalog, recorded) | dict(given)
    return resolve(catalog, both, ask, earlier=gone, scope=_scope(recorded), spelled=spelled)


def _scope(recorded: Answers) -> str:
    """Tell what the project was rendered for: a whole service, or deployment files alone."""
    return str(recorded.get("scope", "service"))


def _known(catalog: Catalog, recorded: Answers) -> dict[str, Given]:
    asked = {question.key for question in catalog.asked}
    return {key: Given(value, PROJECT) for key, value in recorded.items() if key in asked}


def _rendered(repository: Repository, template: Template, answers: Answers) -> tuple[Path, Side]:
    """Render to a folder that stands for the repository's top; give what came of it too."""
    top, folder = place(repository, "render")
    values: Answers = project.render(template, folder, answers, repository.answers_file)
    if repository.answers_file == artefacts.ANSWERS_FILE:
        wanted = artefacts.with_edge(answers["artefacts"])
        for path in project.files(folder):
            if path != repository.answers_file and not artefacts.belongs(path, wanted):
                (folder / path).unlink()
    features: list[Answers] = values.get("features") or []
    return top, Side(folder, tuple(features))


def _spared(catalog: Catalog, answers: Answers) -> Spared:
    """Read which files the template leaves alone once they exist (copier's `_skip_if_exists`)."""
    patterns = catalog.settings.get("_skip_if_exists", [])
    if not patterns:
        return lambda _: False
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(Evaluation(catalog, dict(answers)).render(patterns)).match_file


def _refuse_collisions(merged: Merge) -> None:
    found = collisions(merged)
    if found:
        named = ", ".join(f"`{path}`" for path in found)
        hint = "move what is there, or commit it"
        raise FastgenError(f"not in git, and in the way: {named}", hint, ExitCode.STATE)
    hidden = overlooked(merged)
    if hidden:
        named = ", ".join(f"`{path}`" for path in hidden)
        raise FastgenError(
            f"git is told to overlook changes of {named}",
            "`git update-index --no-skip-worktree --no-assume-unchanged FILE`, then commit it",
            ExitCode.STATE,
        )
