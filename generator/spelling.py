"""How an answer is written on the command line: each command has its own way, and hints use it."""

from collections.abc import Callable

from generator.questions import Question

Spelling = Callable[[Question, str | None], str]
"""Gives what to type to answer a question; with None in place of the value, how to answer at all."""
SAMPLES = {"int": "2", "float": "2", "bool": "yes"}


def as_flag(question: Question, value: str | None) -> str:
    """Write it for `new`, `plan` and `generate`, which have a flag for each question."""
    if value is None:
        return question.flag
    by_key = question.type == "bool" or bool(question.choices)
    return f"-d {question.key}={value}" if by_key else f"{question.flag} {value}"


def as_data(question: Question, value: str | None) -> str:
    """Write it for `update`."""
    return f"-d {question.key}={value or 'VALUE'}"


def as_pair(question: Question, value: str | None) -> str:
    """Write it for `set`."""
    return f"{question.key}={value or 'VALUE'}"


def as_line(question: Question, value: str | None) -> str:
    """Write it for the answers file."""
    return f"{question.key}: {value or 'VALUE'}"


def sample(question: Question) -> str:
    """Give a value that the question takes."""
    if question.choices:
        return str(question.choices[0].value)
    return SAMPLES.get(question.type, "text")
