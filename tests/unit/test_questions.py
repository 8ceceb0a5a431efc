"""Reading the questions, and answering them exactly as copier does."""

import shutil
from pathlib import Path
from typing import Any

import copier
import pytest
from command import ROOT

from generator.answers import Given, display, resolve
from generator.errors import ExitCode, FastgenError
from generator.questions import Catalog, load_catalog

TINY = """\
_subdirectory: template
_envops: {undefined: jinja2.StrictUndefined}
_groups:
  - {title: First, questions: [project_name, color]}
_presets:
  dark: {help: no light, answers: {color: black}}
---
!include questions/one.yml
---
size_mb: {type: int, default: "{{ 2 if color == 'black' else 3 }}",
          validator: "{% if size_mb > 9 %}`size_mb` is over 9. Take less, or another color{% endif %}"}
parts:
  type: str
  multiselect: true
  default: [b]
  choices: [a, b, c]
loud: {type: bool, default: false, when: "{{ color != 'black' }}"}
total: {type: json, when: false, default: "{{ [size_mb, color] | tojson }}"}
after: {type: float, default: "{{ total[0] * 1.5 }}"}
"""
ONE = """\
project_name: {type: str, default: demo}
color:
  type: str
  help: Which color
  default: white
  choices:
    bright: white
    dark: black
    loud: {value: red, validator: "{% if project_name == 'calm' %}too loud. Take white{% endif %}"}
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Catalog:
    (tmp_path / "copier.yml").write_text(TINY)
    (tmp_path / "questions").mkdir()
    (tmp_path / "questions/one.yml").write_text(ONE)
    (tmp_path / "template").mkdir()
    return load_catalog(tmp_path)


def answers(catalog: Catalog, **given: object) -> dict[str, Any]:
    found = resolve(catalog, {key: Given(value, "-d") for key, value in given.items()})
    return {key: answer.value for key, answer in found.items()}


def refusal(catalog: Catalog, **given: object) -> FastgenError:
    with pytest.raises(FastgenError) as caught:
        answers(catalog, **given)
    return caught.value


def test_included_questions_stand_where_they_are_included(tiny: Catalog) -> None:
    asked = [question.key for question in tiny.asked]
    assert asked == ["project_name", "color", "size_mb", "parts", "loud", "after"]
    assert [group.title for group in tiny.groups] == ["First", "Other"]


def test_flags_follow_from_the_keys(tiny: Catalog) -> None:
    assert tiny.questions["size_mb"].flags == ("--size-mb", "--size")
    assert tiny.questions["color"].flags == ("--color",)


def test_defaults_follow_from_earlier_answers_and_computed_values(tiny: Catalog) -> None:
    assert answers(tiny, color="black") == {
        "project_name": "demo",
        "color": "black",
        "size_mb": 2,
        "parts": ["b"],
        "after": 3.0,
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a,c", ["a", "c"]),
        ("[c, a]", ["a", "c"]),
        (["c", "a,b"], ["a", "b", "c"]),
        ("none", []),
        ("", []),
        ([], []),
    ],
)
def test_lists_are_read_in_every_spelling(
    tiny: Catalog, given: object, expected: list[str]
) -> None:
    assert answers(tiny, parts=given)["parts"] == expected


@pytest.mark.parametrize("word", ["yes", "true", "on", "1", True, 1])
def test_words_for_yes(tiny: Catalog, word: object) -> None:
    assert answers(tiny, loud=word)["loud"] is True


@pytest.mark.parametrize(
    ("key", "value", "message", "hint"),
    [
        ("colr", "x", "`colr` is no question (from -d)", "did you mean `color`?"),
        ("total", "1", "computed", "fastgen options"),
        ("color", "blak", "`color` cannot be blak", "did you mean `black`?"),
        ("size_mb", "many", "takes a whole number, not many", "--size-mb 2"),
        ("size_mb", 2.5, "takes a whole number", "--size-mb"),
        ("size_mb", True, "takes a whole number", "--size-mb"),
        ("size_mb", 10, "`size_mb` cannot be 10: `size_mb` is over 9", "Take less"),
        ("after", "nan", "takes a number", "--after"),
        ("after", "inf", "takes a number", "--after"),
        ("project_name", ["a"], "takes text", "--project-name"),
        ("project_name", None, "takes text", "--project-name"),
        ("project_name", {"a": 1}, "takes text", "--project-name"),
        ("loud", "maybe", "takes yes or no", "loud=yes"),
        ("parts", "a,d", "`parts` cannot be d", "choices: a, b, c"),
        ("parts", 3, "takes a list", "parts=a"),
    ],
)
def test_what_is_refused(tiny: Catalog, key: str, value: object, message: str, hint: str) -> None:
    error = refusal(tiny, **{key: value})
    assert message in error.message
    assert hint in error.hint
    assert error.exit_code == ExitCode.USAGE


def test_an_answer_without_effect_is_refused_and_names_the_reason(tiny: Catalog) -> None:
    error = refusal(tiny, color="black", loud="yes")
    assert error.message == "`loud` does not apply with `color=black`"


def test_a_preset_may_answer_what_does_not_apply(tiny: Catalog) -> None:
    given = {"color": Given("black", "preset"), "loud": Given(True, "preset")}
    assert "loud" not in resolve(tiny, given)


def test_a_choice_that_is_not_available_says_why(tiny: Catalog) -> None:
    error = refusal(tiny, project_name="calm", color="red")
    assert (error.message, error.hint) == ("`color` cannot be red: too loud", "Take white")
    assert answers(tiny, color="red")["color"] == "red"


def test_without_defaults_a_missing_answer_names_its_flag(tiny: Catalog) -> None:
    with pytest.raises(FastgenError) as caught:
        resolve(tiny, {"project_name": Given("x", "NAME")}, defaults=False)
    assert "--color [white|black|red]" in caught.value.hint


def test_a_mistake_in_the_template_is_not_the_persons(tiny: Catalog, tmp_path: Path) -> None:
    (tmp_path / "copier.yml").write_text("a: {type: str, default: '{{ nothing }}'}\n")
    catalog = load_catalog(tmp_path)
    catalog.settings["_envops"] = {"undefined": "jinja2.StrictUndefined"}  # type: ignore[index]
    assert refusal(catalog).exit_code == ExitCode.FAILURE


def test_broken_yaml_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "copier.yml").write_text("a: [\n")
    with pytest.raises(FastgenError) as caught:
        load_catalog(tmp_path)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("value", "shown"), [(True, "yes"), ([], "none"), (["a", "b"], "a,b"), ("", '""'), (2, "2")]
)
def test_answers_are_shown_as_they_are_typed(value: object, shown: str) -> None:
    assert display(value) == shown


def by_copier(root: Path, destination: Path, given: dict[str, object]) -> dict[str, Any]:
    """Give the answers that plain copier records."""
    worker = copier.run_copy(
        str(root), destination, data=given, defaults=True, quiet=True, pretend=True
    )
    combined = worker.answers.combined
    return {key: value for key, value in combined.items() if key not in worker.answers.hidden}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"color": "black", "parts": ["c", "a"]},
        {"color": "red", "loud": True, "size_mb": 9},
        {"after": 1, "parts": []},
    ],
)
def test_answers_equal_copiers_tiny(
    tiny: Catalog, tmp_path: Path, given: dict[str, object]
) -> None:
    expected = by_copier(tmp_path, tmp_path / "out", given)
    assert answers(tiny, **given) == {k: v for k, v in expected.items() if k in tiny.questions}


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the questions of this template over an empty tree: copier renders nothing, quickly."""
    root = tmp_path_factory.mktemp("template")
    shutil.copy(ROOT / "copier.yml", root)
    shutil.copytree(ROOT / "templates", root / "templates")
    (root / "empty").mkdir()
    text = (root / "copier.yml").read_text()
    (root / "copier.yml").write_text(
        text.replace("_subdirectory: templates", "_subdirectory: empty")
    )
    return root


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"db_driver": "none", "cache": "none", "deployment": []},
        {"db_driver": "asyncpg", "cpus": 4, "memory_mb": 8192, "replicas": 3},
        {
            "description": 'It\'s "fast" -- naïve \\ 日本 {{ x }} {% y %} ${Z} #',
            "http_edge": "none",
        },
        {"example": False, "target_error_rate": 0.5, "python_version": "3.12"},
    ],
)
def test_answers_equal_copiers(template: Path, tmp_path: Path, given: dict[str, object]) -> None:
    catalog = load_catalog(template)
    data = {"project_name": "demo", **given}
    expected = by_copier(template, tmp_path / "out", data)
    assert answers(catalog, **data) == {
        key: value for key, value in expected.items() if key in catalog.questions
    }


def test_every_preset_is_a_valid_set_of_answers(template: Path) -> None:
    catalog = load_catalog(template)
    for preset in catalog.presets.values():
        given = {key: Given(value, "preset") for key, value in preset.answers.items()}
        resolve(catalog, {"project_name": Given("demo", "NAME"), **given})


def test_every_question_has_a_heading_and_a_line_of_help() -> None:
    catalog = load_catalog(ROOT)
    assert [q.key for q in catalog.asked if q.group == "Other" or not q.help] == []
