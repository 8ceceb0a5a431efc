"""Combinations of answers, and a renderer fast enough to try hundreds of them.

The renderer is copier's way of rendering in few lines, with every template compiled once; a test
compares it with copier itself.
"""

import itertools
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from generator import project
from generator.answers import PRESET, Evaluation, Given, resolve
from generator.errors import FastgenError
from generator.questions import Catalog, Question, load_catalog
from generator.template import Template, packaged_root

ROOT = packaged_root()
SUFFIX = ".jinja"
ANSWERS_TEMPLATE = "{{ _copier_conf.answers_file }}.jinja"
Answers = dict[str, Any]
SAMPLES: dict[str, list[Any]] = {
    "app_dir": [".", "src"],
    "health_path": ["", "/health"],
    "requirements_files": ["requirements.txt", "requirements/all.txt requirements/base.txt"],
    "uv_package": ["", "api"],
    "build_packages": ["", "gcc libpq-dev"],
    "runtime_packages": ["", "libpq5"],
}
"""Answers to the questions of `fastgen generate` that take free text."""


@cache
def catalog() -> Catalog:
    """The questions of the working tree's template."""
    return load_catalog(ROOT)


def values(question: Question) -> list[Any]:
    """The answers of one question that are tried; empty for questions without choices."""
    if question.type == "bool":
        return [True, False]
    choices = [choice.value for choice in question.choices]
    if question.multiselect:
        return [[], choices, *([choice] for choice in choices if len(choices) > 1)]
    return choices


def checked(chosen: Mapping[str, Any], scope: str = "service") -> Answers | None:
    """The answers of a project with these choices, or None where they are refused.

    Choices that do not apply after the earlier ones are dropped.
    """
    given = {key: Given(value, PRESET) for key, value in chosen.items()}
    try:
        answers = resolve(catalog(), {"project_name": Given("demo", PRESET)} | given, scope=scope)
    except FastgenError:
        return None
    return {key: answer.value for key, answer in answers.items()}


def _pairs(answers: Mapping[str, Any], keys: list[str]) -> set[tuple[str, str, str, str]]:
    """Every two applicable choices of a project."""
    found = [(key, repr(answers[key])) for key in keys if key in answers]
    return {(*one, *other) for one, other in itertools.combinations(found, 2)}


@cache
def _domains(left_out: frozenset[str] = frozenset()) -> dict[str, list[Any]]:
    """The choices of every question that a service can be asked."""
    asked = [question for question in catalog().asked if question.key not in left_out]
    return {question.key: found for question in asked if (found := values(question))}


def _found(
    draw: random.Random,
    domains: Mapping[str, list[Any]],
    chosen: Mapping[str, Any],
    tries: int,
) -> Iterator[Answers]:
    """Draw the rest to some choices until `tries` draws are used; give what is not refused."""
    for _ in range(tries):
        rest = {key: draw.choice(domain) for key, domain in domains.items()}
        row = checked({**rest, **chosen})
        if row is not None and all(row.get(key) == value for key, value in chosen.items()):
            yield row


@cache
def all_pairs(left_out: frozenset[str] = frozenset(), tries: int = 12) -> tuple[Answers, ...]:
    """Projects in which every two choices that can meet do meet.

    Questions that are `left_out` keep their defaults. Of `tries` projects drawn for a pair the one
    with the most new pairs is taken: more tries give fewer projects.
    """
    draw = random.Random(7)  # noqa: S311 - the same projects in every run
    domains = _domains(left_out)
    keys = list(domains)
    possible = [
        (key, value)
        for key, domain in domains.items()
        for value in domain
        if next(_found(draw, domains, {key: value}, 50), None)
    ]
    rows: list[Answers] = []
    covered: set[tuple[str, str, str, str]] = set()
    for (one, a), (other, b) in itertools.combinations(possible, 2):
        pair = (one, repr(a), other, repr(b))
        if one == other or pair in covered:
            continue
        found = _found(draw, domains, {one: a, other: b}, tries)
        best = max(found, key=lambda row: len(_pairs(row, keys) - covered), default=None)
        if best is not None:
            rows.append(best)
            covered |= _pairs(best, keys)
    return tuple(_needed(rows, keys))


def _needed(rows: list[Answers], keys: list[str]) -> list[Answers]:
    """Leave out projects whose every pair is in another one too."""
    times = Counter(pair for row in rows for pair in _pairs(row, keys))
    kept: list[Answers] = []
    for row in rows:
        pairs = _pairs(row, keys)
        if any(times[pair] == 1 for pair in pairs):
            kept.append(row)
        else:
            times.subtract(pairs)
    return kept


def possible_values(draws: int = 3000) -> dict[tuple[str, str], dict[str, set[str]]]:
    """For each choice, the answers to every other question that a project with it can have.

    Questions that need not be asked beside it are left out: nothing restricts what is not there.
    """
    draw = random.Random(5)  # noqa: S311 - the same in every run
    domains = {key: domain for key, domain in _domains().items() if not _is_multiple(key)}
    found: dict[tuple[str, str], dict[str, set[str]]] = {}
    for _ in range(draws):
        row = checked({key: draw.choice(domain) for key, domain in domains.items()})
        shown = {key: str(value) for key, value in (row or {}).items() if key in domains}
        for item in shown.items():
            for key, value in shown.items():
                found.setdefault(item, {}).setdefault(key, set()).add(value)
    return found


def _is_multiple(key: str) -> bool:
    return catalog().questions[key].multiselect


def drawn(number: int, seed: int = 11) -> Iterator[Answers]:
    """Projects drawn at random (the same ones in every run)."""
    draw = random.Random(seed)  # noqa: S311 - no secrets here
    while number:
        row = checked({key: draw.choice(options) for key, options in _domains().items()})
        if row is not None:
            number -= 1
            yield row


def generated(number: int, seed: int = 13) -> Iterator[Answers]:
    """Deployment files alone, for what `fastgen generate` may find: drawn at random too."""
    draw = random.Random(seed)  # noqa: S311 - no secrets here
    domains = _domains() | SAMPLES | {"scope": ["deploy"]}
    while number:
        row = checked({key: draw.choice(options) for key, options in domains.items()}, "deploy")
        if row is not None:
            number -= 1
            yield row


def working_tree(destination: Path, answers: Mapping[str, object]) -> Answers:
    """Render with copier, as `fastgen new` does, into a folder; every answer, the computed too."""
    template = Template(ROOT, "https://example.com/template.git", None)
    return project.render(template, destination, answers)


@cache
def _defaults() -> Answers:
    return checked({}) or {}


def named(answers: Mapping[str, Any]) -> str:
    """The choices of a project that differ from the defaults, as `key=value`."""
    defaults = _defaults()
    different = {
        key: value
        for key, value in answers.items()
        if value != defaults.get(key) and key != "project_name"
    }
    return " ".join(f"{key}={value}" for key, value in different.items()) or "defaults"


@dataclass(frozen=True)
class Rendered:
    """One project: its answers with the computed ones, and its files."""

    answers: Answers
    name: str
    """The choices that differ from the defaults."""
    files: Mapping[str, bytes]


class Renderer:
    """Renders projects in memory."""

    def __init__(self) -> None:
        """Load nothing yet: templates are compiled when they are first used."""
        self.environment = Evaluation(catalog()).environment
        self._strings: dict[str, Any] = {}

    def render(self, answers: Mapping[str, Any]) -> Rendered:
        """Render the project of checked answers."""
        context = self.context(answers)
        files: dict[str, bytes] = {}
        for source in self.sources:
            target = self._target(source, context)
            if target is None:
                continue
            if target in files:
                raise AssertionError(f"two layers own {target}")
            files[target] = self._content(source, context)
        return Rendered(context, named(answers), files)

    def context(self, answers: Mapping[str, Any]) -> Answers:
        """All answers, the computed ones included."""
        evaluation = Evaluation(catalog())
        for question in catalog().questions.values():
            answered = question.key in answers
            evaluation.context[question.key] = (
                answers[question.key] if answered else evaluation.default(question)
            )
        return evaluation.context

    @cached_property
    def sources(self) -> list[PurePosixPath]:
        """The template's files, without what is never rendered."""
        base = ROOT / "templates"
        skipped = {"_shared", "_slots", "feature.yml", "__pycache__"}
        found = (path.relative_to(base) for path in sorted(base.rglob("*")) if path.is_file())
        return [
            PurePosixPath(path.as_posix())
            for path in found
            if not skipped & set(path.parts) and path.name != ANSWERS_TEMPLATE
        ]

    def _target(self, source: PurePosixPath, context: Answers) -> str | None:
        parts = [self._string(part, context) for part in source.parts]
        if not all(parts):
            return None
        return PurePosixPath(*parts).as_posix().removesuffix(SUFFIX)

    def _string(self, text: str, context: Answers) -> str:
        if "{" not in text:
            return text
        template = self._strings.get(text)
        if template is None:
            template = self._strings[text] = self.environment.from_string(text)
        rendered: str = template.render(context)
        return rendered

    def _content(self, source: PurePosixPath, context: Answers) -> bytes:
        if source.suffix != SUFFIX:
            return Path(ROOT, "templates", source).read_bytes()
        template = self.environment.get_template(f"templates/{source}")
        return template.render(context).encode()


@cache
def rendered(number: int = 100) -> tuple[Rendered, ...]:
    """All pairs, and `number` more projects."""
    renderer = Renderer()
    return tuple(renderer.render(answers) for answers in (*all_pairs(), *drawn(number)))


@cache
def rendered_alone(number: int = 150) -> tuple[Rendered, ...]:
    """Deployment files alone."""
    renderer = Renderer()
    return tuple(renderer.render(answers) for answers in generated(number))
