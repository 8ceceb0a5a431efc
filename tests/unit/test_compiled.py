"""Compiled templates are kept for the next run, and only where they are safe and readable."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
from jinja2 import Environment
from generator.compiled import share_compiled_templates
generate, compiled = Environment._generate, []
def counted(self, *args, **kwargs):
    compiled.append(args)
    return generate(self, *args, **kwargs)
Environment._generate = counted
share_compiled_templates()
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
