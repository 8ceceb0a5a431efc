"""Projects of every past version of a template move to the newest, as plain copier moves them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command import Inside
from moving import FILES, LINES, QUESTIONS, World, commit, git, snapshot

from generator.project import render
from generator.template import find_template

COLOR = QUESTIONS.replace("size:", "color: {type: str, default: blue}\nsize:")
SHAPE = COLOR.replace("size:", "shape: {type: str, default: '{{ color }} round'}\nsize:")
README = str(FILES["template/README.md.jinja"])
CHAIN: dict[str, dict[str, str | bytes | None]] = {
    "v1.1.0": {"template/main.py": LINES.replace("line 18\n", "upstream 18\n")},
    "v1.2.0": {"copier.yml": COLOR, "template/README.md.jinja": f"{README}\n{{{{ color }}}}\n"},
    "v2.0.0": {"template/other.py": None, "template/kept/other.py": LINES.replace("line", "other")},
    "v2.1.0": {
        "copier.yml": SHAPE, "template/shape.txt.jinja": "{{ shape }}\n",
        "template/logo.png": b"\x89PNG\0two\0",
    },
}  # fmt: skip
PAST = ["v1.0.0", *CHAIN][:-1]
CHOICES: dict[str, dict[str, object]] = {
    "defaults": {},
    "cached": {"cache": "redis", "queue": "arq", "size": 3},
}


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Make the template's frozen history."""
    world = World(tmp_path_factory.mktemp("chain") / "world")
    for tag, changes in CHAIN.items():
        world.release_files(changes, tag)
    return world


def project(chain: World, folder: Path, version: str, answers: dict[str, object]) -> Path:
    """Make a project of a past version, committed."""
    made = folder / "demo"
    made.mkdir()
    git(made, "init", "-q", "-b", "main")
    render(find_template(str(chain.template), version), made, answers)
    commit(made)
    return made


def plain_copier(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `copier update` as a person does who has no fastgen."""
    command = [sys.executable, "-m", "copier", "update", "--defaults", "--quiet", *arguments]
    return subprocess.run(
        command, cwd=folder, env=dict(os.environ), capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("answers", CHOICES.values(), ids=CHOICES)
@pytest.mark.parametrize("version", PAST)
def test_from_every_version_to_the_newest(
    chain: World, tmp_path: Path, inside: Inside, version: str, answers: dict[str, object]
) -> None:
    made = project(chain, tmp_path, version, answers)
    options = ("--project", str(made), "--template", str(chain.template))
    assert inside("update", *options).returncode == 0
    render(find_template(str(chain.template)), tmp_path / "fresh", answers)
    assert snapshot(made) == snapshot(tmp_path / "fresh")


@pytest.mark.parametrize("version", PAST)
def test_edits_move_along(chain: World, tmp_path: Path, inside: Inside, version: str) -> None:
    made = project(chain, tmp_path, version, {})
    other = next(made.rglob("other.py"))
    for path in (made / "main.py", other):
        path.write_text(path.read_text().replace(" 3\n", " 3, mine\n"))
    commit(made)
    options = ("--project", str(made), "--template", str(chain.template))
    assert inside("update", *options).returncode == 0
    assert "line 3, mine\n" in (made / "main.py").read_text()
    assert "upstream 18\n" in (made / "main.py").read_text()
    assert "other 3, mine\n" in (made / "kept" / "other.py").read_text()
    assert not (made / "other.py").exists()


@pytest.mark.slow
def test_plain_copier_gives_the_same_and_goes_on_afterwards(
    chain: World, tmp_path: Path, inside: Inside
) -> None:
    made = project(chain, tmp_path, "v1.0.0", CHOICES["cached"])
    readme = (made / "README.md").read_text()
    (made / "README.md").write_text(f"mine\n{readme}")
    commit(made)
    git(tmp_path, "clone", "-q", str(made), "plain")
    options = ("--project", str(made), "--template", str(chain.template))
    assert inside("update", "--to", "v1.2.0", *options).returncode == 0
    told = plain_copier(tmp_path / "plain", "--vcs-ref", "v1.2.0")
    assert told.returncode == 0, told.stderr
    assert snapshot(tmp_path / "plain") == snapshot(made)
    commit(made)
    told = plain_copier(made)
    assert told.returncode == 0, told.stderr
    assert "_commit: v2.1.0" in (made / ".copier-answers.yml").read_text()
    assert (made / "shape.txt").read_text() == "blue round\n"
