"""The command line as a whole: help, versions, usage errors, what is imported."""

import json
import subprocess
import sys

import pytest
from command import Fastgen

from generator import __version__
from generator.questions import load_catalog
from generator.template import packaged_root

HEAVY = {"copier", "questionary", "rich", "jinja2", "yaml", "prompt_toolkit"}


@pytest.mark.parametrize("arguments", [["--help"], ["nonsense"], []])
def test_help_loads_no_heavy_package(
    arguments: list[str], command_environment: dict[str, str]
) -> None:
    probe = (
        "import sys, atexit\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        f"sys.argv = ['fastgen', *{arguments!r}]\n"
        "from generator.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe],
        env=command_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert "typer" in loaded
    assert loaded & HEAVY == set()


def test_help_lists_the_commands(fastgen: Fastgen) -> None:
    done = fastgen("--help")
    assert done.returncode == 0
    for name in ("new", "plan", "options", "version"):
        assert f"  {name} " in done.stdout


def test_no_command_is_a_usage_error(fastgen: Fastgen) -> None:
    assert fastgen().returncode == 2


def test_every_question_has_a_flag_in_the_help(fastgen: Fastgen) -> None:
    shown = fastgen("new", "--help").stdout
    for question in load_catalog(packaged_root()).asked:
        if question.key != "project_name":
            assert question.flag in shown
    assert "--memory " in shown


def test_versions(fastgen: Fastgen) -> None:
    assert fastgen("--version").stdout == fastgen("version").stdout
    assert fastgen("version").stdout.startswith(f"fastgen {__version__}\ntemplate ")
    assert json.loads(fastgen("version", "--json").stdout)["fastgen"] == __version__


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["nwe"], "no such command: `nwe`", "did you mean `fastgen new`?"),
        (["version", "--jsn"], "--jsn", "see `fastgen version --help`"),
        (["new"], "NAME", "see `fastgen new --help`"),
        (["--nope"], "--nope", "see `fastgen --help`"),
    ],
)
def test_usage_errors_are_two_lines(
    fastgen: Fastgen, arguments: list[str], error: str, hint: str
) -> None:
    done = fastgen(*arguments)
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert first.startswith("error: ")
    assert error in first
    assert hint in second
    assert done.stdout == ""


def test_options_are_every_question(fastgen: Fastgen) -> None:
    found = json.loads(fastgen("options", "--json").stdout)
    asked = load_catalog(packaged_root()).asked
    assert [question["key"] for question in found["questions"]] == [q.key for q in asked]
    assert set(found["presets"]) >= {"minimal", "standard", "production"}


@pytest.mark.parametrize("form", [[], ["--markdown"]])
def test_options_as_tables(fastgen: Fastgen, form: list[str]) -> None:
    done = fastgen("options", *form)
    for question in load_catalog(packaged_root()).asked:
        assert question.key in done.stdout


def test_output_survives_a_terminal_without_unicode(fastgen: Fastgen) -> None:
    done = fastgen("options", PYTHONUTF8="0", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert done.returncode == 0
    assert done.stdout.isascii()
