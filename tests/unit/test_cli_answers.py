"""Answers on the command line: sources, precedence, conflicts, files, hostile input."""

import json
from pathlib import Path

import pytest

from generator.answers import Given, check
from generator.cli.flags import collect, read_data_file
from generator.errors import FastgenError
from generator.questions import load_catalog
from generator.template import packaged_root

CATALOG = load_catalog(packaged_root())


def refused(**sources: object) -> str:
    with pytest.raises(FastgenError) as caught:
        collect(CATALOG, **sources)  # type: ignore[arg-type]
    assert "\n" not in caught.value.message
    return caught.value.message


def test_precedence(tmp_path: Path) -> None:
    file = tmp_path / "answers.yml"
    file.write_text("cache: none\nreplicas: 7\ncpus: 7\n")
    given = collect(
        CATALOG,
        name="demo",
        flags={"cpus": "1"},
        data=["replicas=2"],
        data_file=file,
        preset="production",
    )
    values = {key: answer.value for key, answer in given.items()}
    assert values["cpus"] == "1"
    assert values["replicas"] == "2"
    assert values["cache"] == "none"
    assert values["db_driver"] == "asyncpg"
    assert given["cpus"].source == "--cpus"


def test_two_answers_to_one_question() -> None:
    assert "two answers to `cache`" in refused(flags={"cache": "memory"}, data=["cache=none"])
    assert "two answers to `cache`" in refused(data=["cache=memory", "cache=none"])
    assert "two answers to `project_name`" in refused(name="a", data=["project_name=b"])


def test_the_same_answer_twice_is_fine() -> None:
    given = collect(CATALOG, flags={"example": False}, data=["example=false", "example=no"])
    assert given["example"].value is False


@pytest.mark.parametrize("item", ["cache", "=x", ""])
def test_data_without_a_value(item: str) -> None:
    assert "has no value" in refused(data=[item])


def test_unknown_preset() -> None:
    assert "no such preset: `produktion`" in refused(preset="produktion")


@pytest.mark.parametrize("suffix", ["yml", "json"])
def test_data_files(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"answers.{suffix}"
    file.write_text(json.dumps({"_commit": "v1", "cpus": 4, "deployment": ["compose"]}))
    found = {key: answer.value for key, answer in read_data_file(file).items()}
    assert found == {"cpus": 4, "deployment": ["compose"]}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.yml", b"- one\n", "not a map"),
        ("a.yml", b"", "not a map"),
        ("a.yml", b"1: x\n", "not a map"),
        ("a.yml", b"a: [\n", "not YAML"),
        ("a.yml", b"a: !!python/object:os.system x\n", "not YAML"),
        ("a.yml", b"? [a]\n: 1\n", "not YAML"),
        ("a.yml", b"? {a: 1}\n: 1\n", "not YAML"),
        ("a.yml", b"cpus: 1\ncpus: 2\n", "`cpus` twice"),
        ("a.yml", b"\xff\xfe\x00", "UTF-8"),
        ("a.json", b"{", "not JSON"),
        ("a.json", b"[1]", "not a map"),
        ("a.json", b'{"cpus": 1, "cpus": 2}', "`cpus` twice"),
        ("a.json", b"[" * 100_000, "not JSON"),
    ],
)
def test_bad_data_files(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    assert said in refused(data_file=file)


def test_data_file_that_cannot_be_read(tmp_path: Path) -> None:
    assert "cannot read" in refused(data_file=tmp_path / "nothing.yml")
    assert "cannot read" in refused(data_file=tmp_path)


@pytest.mark.parametrize(
    ("name", "proposed"),
    [("Demo2", "demo2"), ("my service!", "my-service"), ("con", "con-service"), ("9", "orders")],
)
def test_a_bad_name_comes_with_a_good_one(name: str, proposed: str) -> None:
    with pytest.raises(FastgenError) as refusal:
        check(CATALOG, "project_name", Given(name, "NAME"))
    assert refusal.value.hint == f"for example `{proposed}`"
    check(CATALOG, "project_name", Given(proposed, "NAME"))
