# ruff: noqa: S701 - nothing here is HTML
"""Compiled templates are shared in a run, and kept for the next one where that is safe.

What they render stays the same.
"""

import os
import subprocess
import sys
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment

from generator import compiled
from generator.compiled import shared_compilation
from generator.project import render
from generator.template import find_template

TEXT = "{% if yes %}\na{{ b }}\n{% endif %}\n"
PROGRAM = """
import sys
from jinja2 import Environment
from generator.compiled import shared_compilation
generate, compiled = Environment._generate, []
def counted(self, *args, **kwargs):
    compiled.append(args)
    return generate(self, *args, **kwargs)
Environment._generate = counted
with shared_compilation():
    for _ in range(2):
        print(Environment().from_string("{{ a }}-{{ b }}").render(a=1, b=2))
    print(Environment(variable_start_string="<<").from_string("<< a }}").render(a=3))
print(len(compiled))
"""


def run(cache: Path) -> list[str]:
    """Render in a process of its own; the last line is how many templates it compiled."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def stored(cache: Path) -> list[Path]:
    """The files of the store."""
    return sorted(path for path in cache.rglob("*") if path.is_file())


def test_a_second_run_compiles_nothing(tmp_path: Path) -> None:
    assert run(tmp_path) == ["1-2", "1-2", "3", "2"]
    assert len(stored(tmp_path)) == 2
    assert run(tmp_path) == ["1-2", "1-2", "3", "0"]


@pytest.mark.parametrize("content", [b"", b"j2", b"garbage"])
def test_what_cannot_be_read_is_compiled_again(tmp_path: Path, content: bytes) -> None:
    run(tmp_path)
    for path in stored(tmp_path):
        path.write_bytes(content or path.read_bytes()[:40])
    assert run(tmp_path) == ["1-2", "1-2", "3", "2"]
    assert run(tmp_path)[-1] == "0"


@pytest.mark.skipif(os.name == "nt", reason="a profile of Windows is private")
def test_a_folder_that_others_may_write_is_not_used(tmp_path: Path) -> None:
    run(tmp_path)
    (folder,) = {path.parent for path in stored(tmp_path)}
    folder.chmod(0o777)
    assert run(tmp_path)[-1] == "2"


def test_without_a_cache_folder_everything_works(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert run(blocked) == ["1-2", "1-2", "3", "2"]
    assert blocked.read_text() == "not a folder"


@pytest.fixture
def nothing_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Begin as the first run on a machine does."""
    monkeypatch.setattr(compiled, "_known", cache(dict[str, Any]))
    monkeypatch.setattr(compiled, "_store", lambda: None)


@pytest.mark.usefixtures("nothing_known")
def test_alike_environments_share_and_others_do_not() -> None:
    with shared_compilation():
        first = Environment().compile(TEXT)
        assert Environment().compile(TEXT) is first
        for other in (Environment(trim_blocks=True), SandboxedEnvironment()):
            assert other.compile(TEXT) is not first
        assert Environment().compile(TEXT, "another name") is not first
        assert Environment(extensions=["jinja2.ext.do"]).compile(TEXT) is not first


@pytest.mark.usefixtures("nothing_known")
def test_what_is_shared_renders_by_its_own_environment() -> None:
    with shared_compilation():
        shouting, plain = Environment(), Environment()
        shouting.filters["say"] = lambda word: f"{word}!"
        plain.filters["say"] = lambda word: f"{word}."
        text = "{{ word | say }}"
        assert shouting.from_string(text).render(word="hi") == "hi!"
        assert plain.from_string(text).render(word="hi") == "hi."


@pytest.mark.usefixtures("nothing_known")
def test_jinja_is_as_before_afterwards() -> None:
    before = Environment.compile
    with shared_compilation():
        assert Environment.compile is not before
    assert Environment.compile is before
    first = Environment().compile(TEXT)
    assert Environment().compile(TEXT) is not first


@pytest.mark.usefixtures("nothing_known")
def test_jinja_is_as_before_after_a_failure() -> None:
    before = Environment.compile
    with pytest.raises(TemplateSyntaxError), shared_compilation():
        Environment().compile("{% if %}")
    assert Environment.compile is before


def test_a_jinja_of_another_shape_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def other(self: Environment, source: str, flavour: str = "") -> str:
        return source + flavour

    monkeypatch.setattr(Environment, "compile", other)
    with shared_compilation():
        assert Environment.compile is other


@pytest.mark.usefixtures("nothing_known")
@pytest.mark.parametrize(
    "text",
    [
        "{{ 'x' | tick }}",
        "{% set y = 'x' | tick %}{{ y }}",
        "{% if 'x' is ticking %}{{ 'x' | tick }}{% endif %}",
        "a{{ 'b' ~ ('x' | tick) }}",
        "{{ ['x' | tick] | first }}",
    ],
)
def test_what_may_differ_from_run_to_run_is_worked_out_each_time(text: str) -> None:
    """jinja2 would work out the filter once, when it compiles: a date would stand still."""
    numbers = count()
    with shared_compilation():
        for _ in range(2):
            environment = Environment()
            environment.filters["tick"] = lambda _: next(numbers)
            environment.tests["ticking"] = lambda _: True
            first, second = (environment.from_string(text).render() for _ in range(2))
            assert first != second
    assert next(numbers) == 4


@pytest.mark.slow
@pytest.mark.usefixtures("nothing_known")
def test_a_render_is_the_same_with_and_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = {"project_name": "demo", "cache": "redis"}
    template = find_template()
    for name in ("first", "second"):  # the second takes what the first one compiled
        render(template, tmp_path / name, answers)
    monkeypatch.setattr(compiled, "PARAMETERS", ())
    render(template, tmp_path / "alone", answers)
    first, second, alone = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (tmp_path / "first", tmp_path / "second", tmp_path / "alone")
    )
    assert len(first) > 50
    assert first == second == alone
