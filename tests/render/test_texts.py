"""Free text means the same everywhere it appears, or is refused."""

import json
import os
import tomllib
from typing import Any

import pytest
from combinations import Rendered, Renderer, catalog
from hypothesis import example, given, settings
from hypothesis import strategies as st

from generator.answers import Given, resolve
from generator.errors import FastgenError

EXAMPLES = int(os.environ.get("TEXT_EXAMPLES", "150"))
SYNTAX = ["{{ x }}", "{% y %}", "{# z #}", "${Z}", "$(id)", "`id`", "'", '"', "\\", "#", "<b>", "|"]
renderer = Renderer()
refusals: list[str] = []

texts = st.one_of(
    st.text(max_size=80),
    st.lists(st.sampled_from([*SYNTAX, "naïve", "日本", "שלום", "🚀", " ", "%s", "--", ";"])).map(
        "".join
    ),
)


def project(**answers: str) -> Rendered | None:
    """Render a project with these texts; None when one of them is refused."""
    told = {key: Given(value, f"-d {key}") for key, value in answers.items()}
    try:
        checked = resolve(catalog(), {"project_name": Given("demo", "NAME")} | told)
    except FastgenError as error:
        refusals.append(error.message)
        return None
    return renderer.render({key: answer.value for key, answer in checked.items()})


def read_back(made: Rendered) -> dict[str, Any]:
    manifest: dict[str, Any] = tomllib.loads(made.files["pyproject.toml"].decode())["project"]
    return manifest


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None)
@given(texts)
@example('It\'s "fast" \N{EN DASH} naïve \\ 日本 {{ x }} {% y %} ${Z} #')
@example("\\N{DASH} \\x00 \\u0041 %(message)s {0}")
def test_description(text: str) -> None:
    made = project(description=text)
    if made is None:
        assert not text.strip() or not text.isprintable() or len(text) > 200
        return
    assert read_back(made)["description"] == text
    python = [content for path, content in made.files.items() if path.endswith(".py")]
    assert python == [content for path, content in PLAIN.items() if path.endswith(".py")]


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None)
@given(texts)
@example('O\'Neil "Bob" \\ <b@c>')
def test_author(text: str) -> None:
    made = project(author_name=text, author_email="ada@example.com")
    if made is not None and text:
        assert read_back(made)["authors"] == [{"name": text, "email": "ada@example.com"}]


@pytest.mark.parametrize(
    "text", ["two\nlines", "tab\there", "nul\0", "bell\a", "line\u2028separator", "x" * 201, " "]
)
def test_refused_descriptions(text: str) -> None:
    assert project(description=text) is None
    assert refusals[-1].isprintable()
    assert len(refusals[-1]) < 250


def test_files_that_hold_the_description() -> None:
    """Only the manifest and the README hold it: no other language can be confused by it."""
    word = "Unmistakable"
    made = project(description=word)
    assert made is not None
    holders = {path for path, content in made.files.items() if word.encode() in content}
    assert holders == {"pyproject.toml", "README.md"}
    assert word not in json.dumps(sorted(made.files))


plain = project()
assert plain is not None
PLAIN = plain.files
