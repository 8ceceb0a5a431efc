"""The interview, driven by keys in a real terminal."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest
import yaml
from command import Fastgen, as_release

pytestmark = pytest.mark.slow

DOWN, ENTER, CTRL_C, CTRL_D = "\x1b[B", "\r", "\x03", "\x04"

QUESTIONS = """\
_subdirectory: template
_groups:
  - {title: Colors, questions: [project_name, color, shade]}
  - {title: Others, questions: [parts, loud]}
project_name: {type: str, help: Name}
color:
  type: str
  help: Which color
  default: white
  choices: {very bright: white, dark: black, between: gray}
shade:
  type: int
  help: How dark
  default: 50
  when: "{{ color == 'gray' }}"
  validator: "{% if shade > 100 %}at most 100{% endif %}"
only: {type: str, help: Not asked, default: one, choices: [one]}
parts:
  type: str
  help: Which parts
  multiselect: true
  default: [b]
  choices: [a, b, c]
loud: {type: bool, help: Is it loud, default: "{{ color == 'white' }}"}
features: {type: yaml, when: false, default: "[]"}
plan:
  type: json
  when: false
  default: >-
    {"status": "ok", "environments": {"production": {"status": "ok", "errors": [],
     "warnings": [], "host": {"cpus": 2}, "budget": {}, "numbers": {
     "workers": {"value": 2, "why": "one per CPU"}}}}}
"""


class Terminal:
    """A `fastgen` that runs in a terminal of its own."""

    def __init__(self, folder: Path, environment: dict[str, str], *arguments: str) -> None:
        self.child = pexpect.spawn(
            sys.executable,
            ["-m", "generator", "new", "demo", "--no-git", "--no-lock", *arguments],
            cwd=str(folder),
            env={**environment, "TERM": "xterm", "NO_COLOR": "1"},
            encoding="utf-8",
            dimensions=(50, 160),
            timeout=30,
        )

    def wait_for(self, text: str) -> None:
        self.child.expect(re.escape(text))

    def press(self, *keys: str) -> None:
        for key in keys:
            self.child.send(key)

    def end(self) -> int:
        """Wait for the end and give the exit code."""
        self.child.expect(pexpect.EOF)
        self.child.close()
        return int(self.child.exitstatus if self.child.exitstatus is not None else -1)


Open = Callable[..., Terminal]


@pytest.fixture
def terminal(tmp_path: Path, command_environment: dict[str, str]) -> Iterator[Open]:
    """Open terminals, and close those that a failed test leaves."""
    opened: list[Terminal] = []

    def start(*arguments: str) -> Terminal:
        opened.append(Terminal(tmp_path, command_environment, *arguments))
        return opened[-1]

    yield start
    for one in opened:
        one.child.close(force=True)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a template with a few questions of every kind."""
    root = tmp_path_factory.mktemp("small")
    (root / "copier.yml").write_text(QUESTIONS)
    (root / "template").mkdir()
    answers = root / "template/{{ _copier_conf.answers_file }}.jinja"
    answers.write_text("{{ _copier_answers | to_nice_yaml -}}\n")
    return as_release(root, "v1.0.0")


def recorded(tmp_path: Path) -> dict[str, object]:
    text = (tmp_path / "demo/.copier-answers.yml").read_text()
    return {k: v for k, v in yaml.safe_load(text).items() if not k.startswith("_")}


def test_keys_answer_the_questions_that_apply(terminal: Open, small: Path, tmp_path: Path) -> None:
    screen = terminal("--template", str(small))
    screen.wait_for("Colors")
    screen.wait_for("Which color")
    screen.press(DOWN, DOWN, ENTER)
    screen.wait_for("How dark")
    screen.press("0", ENTER)  # 500
    screen.wait_for("at most 100")
    screen.press("\x7f", ENTER)  # 50 again
    screen.wait_for("Others")
    screen.wait_for("Which parts")
    screen.press(DOWN, " ", ENTER)  # takes the tick off b
    screen.wait_for("Is it loud")
    screen.press("y")
    screen.wait_for("workers")
    command = ["-d", "color=gray", "-d", "parts=none", "-d", "loud=yes"]
    screen.wait_for(shlex.join(["fastgen", "new", "demo", "--defaults", *command]))
    screen.wait_for("Render the project?")
    screen.press("y")
    screen.wait_for("Next:")
    assert screen.end() == 0
    assert recorded(tmp_path) == {
        "project_name": "demo", "color": "gray", "shade": 50, "only": "one", "parts": [],
        "loud": True,
    }  # fmt: skip


def test_given_answers_are_not_asked(terminal: Open, small: Path, tmp_path: Path) -> None:
    screen = terminal("--template", str(small), "-d", "color=black", "-d", "parts=a,b")
    screen.wait_for("Is it loud")
    screen.press(ENTER)
    screen.wait_for("Render the project?")
    screen.press("y")
    assert screen.end() == 0
    assert recorded(tmp_path)["loud"] is False


def test_leaving_half_way_writes_nothing(terminal: Open, small: Path, tmp_path: Path) -> None:
    screen = terminal("--template", str(small), "-d", "color=gray")
    screen.wait_for("How dark")
    screen.press(ENTER)
    screen.wait_for("Which parts")
    screen.press(CTRL_C)
    screen.wait_for("interrupted, nothing written")
    assert screen.end() == 130
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("key", "code"), [(CTRL_C, 130), ("n", 1)])
def test_leaving_at_the_confirmation_writes_nothing(
    terminal: Open, small: Path, tmp_path: Path, key: str, code: int
) -> None:
    screen = terminal("--template", str(small), "-d", "color=white", "-d", "parts=a")
    screen.wait_for("Is it loud")
    screen.press("y")
    screen.wait_for("Render the project?")
    screen.press(key)
    screen.wait_for("nothing written")
    assert screen.end() == code
    assert list(tmp_path.iterdir()) == []


def test_a_closed_input_is_an_interruption(terminal: Open, small: Path, tmp_path: Path) -> None:
    screen = terminal("--template", str(small), "-d", "color=gray")
    screen.wait_for("How dark")
    screen.press(*["\x7f"] * 2, CTRL_D)
    assert screen.end() == 130
    assert list(tmp_path.iterdir()) == []


def test_taking_every_default_equals_the_defaults_flag(
    terminal: Open, fastgen: Fastgen, tmp_path: Path
) -> None:
    screen = terminal()
    while screen.child.expect(["Next:", r"\x1b\[\?25h"]):  # a prompt shows the cursor
        screen.press(ENTER)
    assert screen.end() == 0
    (tmp_path / "demo").rename(tmp_path / "asked")
    assert fastgen("new", "demo", "--defaults", "--no-git", "--no-lock").returncode == 0
    compared = subprocess.run(["diff", "-r", "asked", "demo"], cwd=tmp_path, check=False)
    assert compared.returncode == 0
