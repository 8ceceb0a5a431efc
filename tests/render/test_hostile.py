"""Whatever is answered to whatever question: refused in one line, or a project that means it."""

import json
import math
import os
import tomllib
from typing import Any

import pytest
from combinations import Renderer, catalog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generator.answers import Answer, Given, resolve
from generator.errors import ExitCode, FastgenError
from generator.questions import Question

pytestmark = pytest.mark.slow
EXAMPLES = int(os.environ.get("HOSTILE_EXAMPLES", "10000"))

FRAGMENTS = [
    "{{ 7 * 7 }}", "{% raw %}", "{#", "${HOME}", "$(id)", "`id`", "'; DROP TABLE x; --", '"""', "'''",
    "\\", "\n", "\r\n", "\t", "\0", "\x1b[31m", "\u2028", "\u202e", "\ufeff", "\ud800", "naïve", "日本",
    "שלום", "🚀", "e\u0301", "- a: &b [*b]", "!!python/object:os.system", "[section]", "key = 1", "#", "<b>",
    "| | |", "server { }", "%s", "{0}", "~", "~/x", "../..", "/etc/passwd", "C:\\", "con", "class", "yaml",
    "fastapi", "app", "-", "--help", "", " ", "x" * 300,
]  # fmt: skip
texts = st.one_of(
    st.text(max_size=60), st.lists(st.sampled_from(FRAGMENTS), max_size=6).map("".join)
)
numbers = st.one_of(
    st.integers(), st.floats(), st.sampled_from([0, -1, 2**31, 2**63, 10**400, 0.1, math.inf])
)
values = st.one_of(
    texts,
    numbers,
    numbers.map(str),
    st.none(),
    st.booleans(),
    st.lists(texts, max_size=3),
    st.dictionaries(texts, numbers, max_size=2),
)
questions = st.sampled_from([question.key for question in catalog().asked])
renderer = Renderer()


def answered(key: str, value: object) -> dict[str, Answer] | None:
    """The answers of a project, or None if this one is refused as every refusal must be."""
    given_values = {"project_name": Given("demo", "NAME"), key: Given(value, f"-d {key}")}
    try:
        return resolve(catalog(), given_values)
    except FastgenError as error:
        refusal = error
    assert refusal.exit_code == ExitCode.USAGE
    for text in (refusal.message, refusal.hint):
        assert text.isprintable(), text
        assert len(text) < 600, text
    return None


def is_of_its_type(question: Question, value: Any) -> bool:  # noqa: ANN401 - that is the question
    if question.multiselect:
        return isinstance(value, list)
    kind = {"str": str, "bool": bool, "int": int, "float": int | float}[question.type]
    return isinstance(value, kind)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(questions, values)
def test_any_answer(key: str, value: object) -> None:
    answers = answered(key, value)
    if answers is None:
        return
    for name, answer in answers.items():
        assert is_of_its_type(catalog().questions[name], answer.value), (name, answer)
    json.dumps({name: answer.value for name, answer in answers.items()}, allow_nan=False)


@settings(max_examples=EXAMPLES // 100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(["description", "author_name"]), texts)
def test_any_text_is_the_same_text_in_the_project(key: str, value: str) -> None:
    answers = answered(key, value)
    if answers is None:
        return
    files = renderer.render({name: answer.value for name, answer in answers.items()}).files
    manifest = tomllib.loads(files["pyproject.toml"].decode())["project"]
    if key == "description":
        assert manifest["description"] == value
    elif value:
        assert manifest["authors"][0]["name"] == value
