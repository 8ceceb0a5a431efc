"""Answers: checked one by one in asking order, the way copier evaluates its questions.

copier ignores what it does not know, lets data for a question that does not apply leak into
the render, and drops unknown items of a list. Here each of these is an error, told before
anything is written; what passes gives exactly copier's answers (a test compares the two).
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

import yaml
from jinja2 import TemplateError
from jinja2.sandbox import SandboxedEnvironment

from generator.environment import compiled, environment_of
from generator.errors import ExitCode, FastgenError
from generator.questions import Catalog, Choice, Question
from generator.spelling import Spelling, as_flag, sample

TRUE = frozenset({"y", "yes", "t", "true", "on", "1"})
FALSE = frozenset({"n", "no", "f", "false", "off", "0"})

LONGEST_SHOWN = 80
"""Characters of an answer that a message shows."""

DEFAULT = "default"
ASKED = "asked"
PRESET = "preset"
PROJECT = "the project's answers"
DETECTED = "detected"
LENIENT = frozenset({PRESET, PROJECT, DETECTED})
"""Sources that may answer more than applies after the other answers."""

Ask = Callable[["Evaluation", Question], object]


@dataclass(frozen=True)
class Given:
    """An answer as it came in: text or a typed value, and where it came from (`-d`, `--cache`)."""

    value: object
    source: str


@dataclass(frozen=True)
class Answer:
    """A checked answer, where it came from, and whether it is what the template proposes."""

    value: Any
    source: str
    is_default: bool


@dataclass
class Evaluation:
    """The answers so far, and what the template says about a question in their light."""

    catalog: Catalog
    context: dict[str, Any] = field(default_factory=dict)
    spelled: Spelling = as_flag

    @property
    def environment(self) -> SandboxedEnvironment:
        """The Jinja of the template, as copier sets it up."""
        return environment_of(self.catalog)

    def render(self, value: Any, **extra: object) -> Any:  # noqa: ANN401 - as copier does it
        """Render a template in the light of the answers; anything but text passes as it is."""
        if isinstance(value, list):
            return [self.render(item, **extra) for item in value]
        if not isinstance(value, str) or "{" not in value:
            return value
        try:
            return compiled(self.environment, value).render({**self.context, **extra})
        except TemplateError as error:
            raise FastgenError(
                f"the template has a mistake: {error}", exit_code=ExitCode.FAILURE
            ) from error

    def applies(self, question: Question) -> bool:
        """Tell whether the question matters after the earlier answers."""
        return _truth(self.render(question.when))

    def choices(self, question: Question) -> tuple[Choice, ...]:
        """Give the choices with their texts rendered; `validator` is the reason against one, or ''."""
        return tuple(
            Choice(
                str(self.render(choice.label)),
                self.render(choice.value),
                self.render(choice.validator).strip(),
            )
            for choice in question.choices
        )

    def default(self, question: Question) -> Any:  # noqa: ANN401 - typed by the question
        """Give the answer that is taken when none is given."""
        rendered = self.render(question.default)
        if question.multiselect:
            items = yaml.safe_load(rendered) if isinstance(rendered, str) else rendered
            return [choice.value for choice in self.choices(question) if choice.value in items]
        return _native(question, rendered)

    def parse(self, question: Question, raw: object) -> Any:  # noqa: ANN401 - typed by the question
        """Turn text or a value into the question's type, or say what is allowed."""
        try:
            if not question.multiselect:
                return self._one(question, raw)
            items = [self._one(question, item) for item in _items(raw)]
        except _WrongTypeError as error:
            raise _wrong_type(question, error.value, self.spelled) from error
        return [choice.value for choice in question.choices if choice.value in items]

    def problem(self, question: Question, value: object) -> str:
        """Run the question's validator; an empty string for a good value."""
        return str(self.render(question.validator, **{question.key: value})).strip()

    def _one(self, question: Question, raw: object) -> object:
        choices = self.choices(question)
        if not choices:
            return _typed(question, raw)
        return _choice(question, choices, raw)


def resolve(
    catalog: Catalog,
    given: Mapping[str, Given],
    ask: Ask | None = None,
    *,
    defaults: bool = True,
    scope: str = "service",
    earlier: Mapping[str, object] | None = None,
    spelled: Spelling = as_flag,
) -> dict[str, Answer]:
    """Answer every question that applies, in asking order; the first problem is raised.

    `ask` is called for a question without a given answer; without it, the question's default is
    taken, or with `defaults=False` the missing answer is an error that names the flag. `scope` is
    what the command renders, as the question of that name has it. `earlier` are answers to
    questions of an older template, which defaults may refer to. `spelled` tells how hints write
    an answer.
    """
    _refuse_unknown(catalog, given)
    _refuse_impossible(catalog, given, spelled)
    context = {**(earlier or {}), "scope": scope}
    evaluation, answers = Evaluation(catalog, context, spelled), dict[str, Answer]()
    last = catalog.asked[-1].key
    for question in catalog.questions.values():
        if question.computed or not evaluation.applies(question):
            _refuse_inapplicable(evaluation, question, given.get(question.key))
            value = evaluation.default(question)
        else:
            answer = _answer(evaluation, question, given, ask, defaults=defaults)
            answers[question.key], value = answer, answer.value
        evaluation.context[question.key] = value
        if question.key == last:
            break  # what is computed after the last question decides about no question
    return answers


def compute(catalog: Catalog, answers: Mapping[str, object], key: str) -> Any:  # noqa: ANN401 - typed by the question
    """Give the computed value `key` that follows from checked answers."""
    evaluation = Evaluation(catalog)
    for question in catalog.questions.values():
        answered = question.key in answers
        value = answers[question.key] if answered else evaluation.default(question)
        if question.key == key:
            return value
        evaluation.context[question.key] = value
    raise FastgenError(f"the template computes no `{key}`", exit_code=ExitCode.FAILURE)


def check(catalog: Catalog, key: str, given: Given) -> None:
    """Check the answer to a question that depends on no other (the project's name)."""
    evaluation, question = Evaluation(catalog), catalog.questions[key]
    _answer(evaluation, question, {key: given}, None, defaults=False)


def _answer(
    evaluation: Evaluation,
    question: Question,
    given: Mapping[str, Given],
    ask: Ask | None,
    *,
    defaults: bool,
) -> Answer:
    proposed = evaluation.default(question)
    if question.key in given:
        value = evaluation.parse(question, given[question.key].value)
        answer = Answer(value, given[question.key].source, value == proposed)
    elif ask:
        value = ask(evaluation, question)
        answer = Answer(value, ASKED, value == proposed)
    elif defaults:
        answer = Answer(proposed, DEFAULT, True)
    else:
        raise _missing(question)
    if problem := evaluation.problem(question, answer.value):
        raise _refused(question, answer, problem, evaluation.spelled)
    return answer


def _refused(question: Question, answer: Answer, problem: str, spelled: Spelling) -> FastgenError:
    """Split a validator's text: its first sentence says what is wrong, the rest the ways out."""
    text = " ".join(problem.split())
    first, _, ways_out = text.partition(". ")
    shown = f"`{question.key}` cannot be {display(answer.value)}: {first.removesuffix('.')}"
    where = f"give another value with `{spelled(question, None)}`"
    return FastgenError(shown, ways_out or ("" if answer.source == "NAME" else where))


def _missing(question: Question) -> FastgenError:
    return FastgenError(
        f"`{question.key}` has no answer, and there is no terminal to ask on",
        f"give `{question.flag} {question.metavar}`, or `--defaults` to take every default",
    )


def _refuse_unknown(catalog: Catalog, given: Mapping[str, Given]) -> None:
    known = [question.key for question in catalog.asked]
    for key, answer in given.items():
        question = catalog.questions.get(key)
        if question is None:
            raise FastgenError(
                f"`{key}` is no question (from {answer.source})", nearest(key, known)
            )
        if question.computed:
            raise FastgenError(
                f"`{key}` is computed and cannot be answered (from {answer.source})",
                "`fastgen options` lists the questions",
            )


def _refuse_impossible(catalog: Catalog, given: Mapping[str, Given], spelled: Spelling) -> None:
    """Name what could be no answer at all, whichever the others are, before one that is missing."""
    evaluation = Evaluation(catalog, spelled=spelled)
    for key, answer in given.items():
        question = catalog.questions[key]
        choices = tuple(replace(choice, validator="") for choice in question.choices)
        evaluation.parse(replace(question, choices=choices), answer.value)


def _refuse_inapplicable(evaluation: Evaluation, question: Question, given: Given | None) -> None:
    """Tell a person whose answer has no effect; a preset may say more than a project needs."""
    if given is None or given.source in LENIENT:
        return
    others = {k: v for k, v in evaluation.context.items() if f"{k} " in str(question.when) + " "}
    because = ", ".join(f"`{key}={display(value)}`" for key, value in others.items())
    raise FastgenError(
        f"`{question.key}` does not apply" + (f" with {because}" if because else ""),
        f"leave it out (from {given.source}), or change the answer that it depends on",
    )


def nearest(word: str, known: Iterable[object]) -> str:
    """Hint at the nearest of the known words, then at all of them when they are few."""
    names = [str(name) for name in known]
    match = get_close_matches(word.lower(), names, n=1, cutoff=0.5)
    guess = f"did you mean `{match[0]}`? " if match else ""
    if len(names) > 12:
        return guess + "`fastgen options` lists the questions"
    return guess + "choices: " + ", ".join(names)


def typed(value: object) -> str:
    """Write an answer so that it is read back as the same (the VALUE of `-d KEY=VALUE`)."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ",".join(map(str, value)) if value else "none"
    return f"{value:g}" if isinstance(value, float) and value.is_integer() else str(value)


def display(value: object) -> str:
    """Show an answer in a sentence: on one line, not too long, text with spaces in quotes."""
    text = typed(value)
    if not text.isprintable():
        text = text.encode("unicode_escape").decode()
    if len(text) > LONGEST_SHOWN:
        text = text[:LONGEST_SHOWN] + "..."
    return f'"{text}"' if not text or " " in text else text


def _choice(question: Question, choices: tuple[Choice, ...], raw: object) -> object:
    for choice in choices:
        if raw == choice.value or str(raw) == str(choice.value):
            if choice.validator:
                first, _, rest = " ".join(choice.validator.split()).partition(". ")
                raise FastgenError(f"`{question.key}` cannot be {raw}: {first}", rest)
            return choice.value
    available = [choice.value for choice in choices if not choice.validator]
    raise FastgenError(f"`{question.key}` cannot be {display(raw)}", nearest(str(raw), available))


def _items(raw: object) -> list[object]:
    """Read a list: `a,b`, `[a, b]`, repeated values; `none` and nothing are the empty list."""
    if isinstance(raw, str):
        words = [
            word.strip() for word in raw.strip().removeprefix("[").removesuffix("]").split(",")
        ]
        return [word for word in words if word and word != "none"]
    if isinstance(raw, (list, tuple)):
        return [part for item in raw for part in _items(item)]
    if raw is None:
        return []
    raise _WrongTypeError(raw)


def _typed(question: Question, raw: object) -> object:
    """Convert to the question's type; stricter than copier, which guesses."""
    kind = question.type
    if kind == "bool":
        word = str(raw).strip().lower()
        if word in TRUE | FALSE and not isinstance(raw, float):
            return word in TRUE
    elif kind in {"int", "float"} and not isinstance(raw, bool):
        number = _number(raw)
        if number is not None and (kind == "float" or number == int(number)):
            return float(number) if kind == "float" else int(number)
    elif kind == "str" and isinstance(raw, (str, int, float)) and not isinstance(raw, bool):
        return str(raw)
    elif kind in {"json", "yaml"}:
        return _native(question, raw)
    raise _WrongTypeError(raw)


def _number(raw: object) -> float | int | None:
    """Read a finite number; None when it is none."""
    text = str(raw).strip()
    try:
        number = int(text) if text.lstrip("+-").isdecimal() else float(text)
        return number if math.isfinite(number) else None
    except (ValueError, OverflowError):  # no number; more digits than a float holds
        return None


class _WrongTypeError(Exception):
    """A value that the question's type does not have."""

    def __init__(self, value: object) -> None:
        super().__init__(value)
        self.value = value


def _wrong_type(question: Question, raw: object, spelled: Spelling) -> FastgenError:
    wanted = {"bool": "yes or no", "int": "a whole number", "float": "a number"}
    kind = "a list of choices" if question.multiselect else wanted.get(question.type, "text")
    shown = " ".join(display(raw).split())[:60]
    return FastgenError(
        f"`{question.key}` takes {kind}, not {shown}",
        f"for example `{spelled(question, sample(question))}`",
    )


def _native(question: Question, raw: object) -> Any:  # noqa: ANN401 - typed by the question
    """Convert as copier does: defaults and computed values (the template's, so trusted)."""
    match question.type:
        case "bool":
            return _truth(raw)
        case "int" | "float" as kind:
            return int(str(raw)) if kind == "int" else float(str(raw))
        case "json" if isinstance(raw, str):
            return json.loads(raw)
        case "yaml" if isinstance(raw, str):
            return yaml.safe_load(raw)
        case "str" if raw is not None:
            return str(raw)
    return raw


def _truth(value: object) -> bool:
    """Read a condition as copier does: numbers, YAML's words for yes and no, else truthiness."""
    text = str(value).strip().lower()
    return text in TRUE or (text not in FALSE | {"", "~", "null", "none"} and bool(value))
