"""The interview: questions on the terminal, grouped, arrow keys for choices."""

from collections.abc import Callable
from typing import Any

import questionary

from generator import console
from generator.answers import Evaluation, typed
from generator.errors import FastgenError
from generator.questions import Question


class Interview:
    """Asks the questions that matter; remembers under which heading it is."""

    def __init__(self) -> None:
        """Start before the first heading."""
        self.group = ""
        self.asked = 0

    def __call__(self, evaluation: Evaluation, question: Question) -> object:
        """Ask one question, the template's default offered first; give the checked answer."""
        default = evaluation.default(question)
        available = [c for c in evaluation.choices(question) if not c.validator]
        if len(available) == 1 and not question.multiselect:
            return default  # nothing to decide
        if question.group != self.group:
            self.group = question.group
            console.heading(question.group)
        self.asked += 1
        answer = _prompt(evaluation, question, default)
        return evaluation.parse(question, answer)


def confirm(text: str) -> bool:
    """Ask for a yes or no."""
    return bool(_wait(questionary.confirm(text, default=True)))


def _prompt(evaluation: Evaluation, question: Question, default: Any) -> object:  # noqa: ANN401 - typed by the question
    check = _check(evaluation, question)
    if question.type == "bool":
        return _wait(questionary.confirm(question.help, default=bool(default)))
    if not question.choices:
        text = typed(default) if default is not None else ""
        placeholder = question.placeholder or None
        return _wait(
            questionary.text(question.help, default=text, validate=check, placeholder=placeholder)
        )
    if question.multiselect:
        ticked = _choices(evaluation, question, default)
        return _wait(questionary.checkbox(question.help, ticked))
    return _wait(questionary.select(question.help, _choices(evaluation, question), default))


def _choices(
    evaluation: Evaluation, question: Question, checked: list[object] | None = None
) -> list[questionary.Choice]:
    return [
        questionary.Choice(
            choice.label,
            choice.value,
            disabled=choice.validator or None,
            checked=choice.value in (checked or []),
        )
        for choice in evaluation.choices(question)
    ]


def _check(evaluation: Evaluation, question: Question) -> Callable[[str], bool | str]:
    """Check an answer while it is typed, so that a bad one can be corrected at once."""

    def check(text: str) -> bool | str:
        try:
            value = evaluation.parse(question, text)
        except FastgenError as error:
            return error.message
        return " ".join(evaluation.problem(question, value).split()) or True

    return check


def _wait(prompt: questionary.Question) -> object:
    """Wait for an answer; a closed terminal interrupts like Ctrl-C."""
    try:
        return prompt.unsafe_ask()
    except EOFError as error:
        raise KeyboardInterrupt from error
