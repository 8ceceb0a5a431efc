"""Projects of every preset move from every past version of the real template to the newest."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command import ROOT, Inside
from moving import commit, git, snapshot

from generator.errors import ExitCode
from generator.project import render
from generator.questions import load_catalog
from generator.template import Template, find_template, version_of

pytestmark = pytest.mark.slow
BUNDLE = Path(__file__).parent / "past" / "template.bundle"
PRESETS = ("minimal", "standard", "production")
CHECKOUT, NEWEST = "v9000.0.0", "v9000.1.0"
"""What stands for the template of this checkout, and for one with questions that nobody answered."""
QUESTION = """\
motto: {type: str, default: "{{ project_name }} works", help: A motto}
mottoes: {type: int, default: 1, help: Times that it is told, when: "{{ motto != '' }}"}
"""
MOTTO = "{% for _ in range(mottoes) %}\n{{ motto }}\n{% endfor %}\n"
SERVICE = "templates/{{on.service}}"


def tags(folder: Path) -> list[str]:
    """List the versions that a repository tells, in order."""
    told = [tag for tag in git(folder, "tag", "--list", "v*").splitlines() if version_of(tag)]
    return sorted(told, key=lambda tag: version_of(tag) or sys.exit(tag))


def frozen() -> list[str]:
    """List the versions in the bundle."""
    heads = git(BUNDLE.parent, "bundle", "list-heads", BUNDLE.name).splitlines()
    return sorted(line.rpartition("/")[2] for line in heads if "refs/tags/" in line)


def released() -> list[str]:
    """List the releases of this repository, where it is one with its tags."""
    return tags(ROOT) if (ROOT / ".git").exists() else []


PAST = [*frozen(), *released(), CHECKOUT]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a history: the past versions, this checkout's template, and one with new questions."""
    folder = tmp_path_factory.mktemp("past") / "template"
    git(BUNDLE.parent, "clone", "-q", BUNDLE.name, str(folder))
    for tag in released():
        _replace(folder, git_archive(ROOT, tag), tag)
    listed = git(ROOT, "ls-files", "-z", "-co", "--exclude-standard", "copier.yml", "templates")
    present = [name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    _replace(folder, {name: (ROOT / name).read_bytes() for name in present}, CHECKOUT)
    _ask_more(folder)
    return folder


def git_archive(repository: Path, tag: str) -> dict[str, bytes]:
    """Read the template of a version."""
    names = git(repository, "ls-tree", "-r", "-z", "--name-only", tag, "copier.yml", "templates")
    return {
        name: subprocess.run(
            ["git", "show", f"{tag}:{name}"], cwd=repository, capture_output=True, check=True
        ).stdout
        for name in names.split("\0")
        if name
    }


def _replace(folder: Path, files: dict[str, bytes], tag: str) -> None:
    """Commit other files in place of all, and tag them."""
    git(folder, "rm", "-rqf", ".")
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    commit(folder, tag)


def _ask_more(folder: Path) -> None:
    """Add questions, a file that shows their answers, and lines to files that exist."""
    questions = folder / "templates" / "_shared" / "questions" / "project.yml"
    questions.write_text(questions.read_text() + QUESTION)
    settings = folder / "copier.yml"
    group = "questions: [project_name, "
    assert group in settings.read_text()
    settings.write_text(settings.read_text().replace(group, f"{group}motto, mottoes, "))
    (folder / SERVICE / "MOTTO.md.jinja").write_text(MOTTO)
    for name in ("README.md.jinja", "app/errors.py"):
        path = folder / SERVICE / name
        path.write_text(path.read_text() + "\n# Added by the newest template.\n")
    commit(folder, NEWEST)


def answers(template: Template, preset: str) -> dict[str, object]:
    """Give the answers of a preset as that version of the template has it."""
    return {"project_name": "demo", **load_catalog(template.root).presets[preset].answers}


def made(template: Path, version: str, preset: str, folder: Path) -> Path:
    """Make a project of a past version, committed."""
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    past = find_template(str(template), version)
    render(past, folder, answers(past, preset))
    commit(folder)
    return folder


def update(inside: Inside, template: Path, project: Path) -> tuple[int, dict[str, Any]]:
    """Update a project, asking nothing."""
    done = inside("update", "--json", "--project", str(project), "--template", str(template))
    assert done.returncode in {ExitCode.DONE, ExitCode.CONFLICTS}, done.stderr
    return done.returncode, json.loads(done.stdout)


def recorded(project: Path) -> dict[str, object]:
    """Read what a project records, for a fresh render with the same answers."""
    import yaml

    kept: dict[str, object] = yaml.safe_load((project / ".copier-answers.yml").read_text())
    return {key: value for key, value in kept.items() if not key.startswith("_")}


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("version", PAST)
def test_an_untouched_project_becomes_a_fresh_one(
    template: Path, tmp_path: Path, inside: Inside, version: str, preset: str
) -> None:
    project = made(template, version, preset, tmp_path / "demo")
    before = recorded(project)
    code, told = update(inside, template, project)
    assert (code, told["files"]["conflicting"], told["files"]["kept"]) == (0, [], [])
    assert told["answers"]["motto"] == {"from": None, "to": "demo works"}
    assert (project / "MOTTO.md").read_text() == "demo works\n"
    after = recorded(project)
    changed = {key for key in before if key in after and before[key] != after[key]}
    assert changed == set(), "an answer of the person changed"
    render(find_template(str(template)), tmp_path / "fresh", after)
    assert snapshot(project) == snapshot(tmp_path / "fresh")
    commit(project)
    assert update(inside, template, project)[1]["status"] == "unchanged"


def edit(project: Path) -> dict[str, str]:
    """Edit as people do; give the lines that must be found again, by a word for each."""
    lines = {
        "title": "A line below the title.",
        "end": "# A line at the end.",
        "middle": "# A line in the middle.",
        "renamed": "# A line in a file that moved.",
        "own": "A file of my own.",
    }
    readme, errors = project / "README.md", project / "app" / "errors.py"
    readme.write_text(readme.read_text().replace("\n", f"\n\n{lines['title']}\n", 1))
    errors.write_text(errors.read_text() + f"\n\n{lines['end']}\n")
    health = (project / "app" / "health.py").read_text().splitlines(keepends=True)
    middle = len(health) // 2
    health.insert(middle, lines["middle"] + "\n")
    (project / "app" / "health.py").write_text("".join(health))
    (project / "app" / "logging.py").rename(project / "app" / "log_lines.py")
    moved = project / "app" / "log_lines.py"
    moved.write_text(moved.read_text() + f"\n{lines['renamed']}\n")
    (project / "app" / "mine.txt").write_text(lines["own"] + "\n")
    (project / "justfile").unlink()
    commit(project)
    return lines


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("version", PAST)
def test_edits_move_along(
    template: Path, tmp_path: Path, inside: Inside, version: str, preset: str
) -> None:
    project = made(template, version, preset, tmp_path / "demo")
    lines = edit(project)
    code, told = update(inside, template, project)
    unmerged = git(project, "ls-files", "--unmerged")
    assert bool(unmerged) == bool(told["files"]["conflicting"]) == (code == ExitCode.CONFLICTS)
    assert "app/errors.py" in told["files"]["conflicting"]  # both added lines at its end
    text = "\n".join(content.decode("utf-8", "replace") for content in snapshot(project).values())
    assert [line for line in lines.values() if line not in text] == []
    assert not (project / "justfile").exists()
    assert not (project / "app" / "logging.py").exists()
    assert "# Added by the newest template." in (project / "README.md").read_text()
    git(project, "reset", "-q", "--hard")
    assert git(project, "status", "--porcelain") == ""


@pytest.mark.parametrize("preset", PRESETS)
def test_plain_copier_moves_the_oldest_to_the_same(
    template: Path, tmp_path: Path, inside: Inside, preset: str
) -> None:
    project = made(template, PAST[0], preset, tmp_path / "demo")
    readme = project / "README.md"
    readme.write_text(readme.read_text().replace("\n", "\n\nMy own words.\n", 1))
    commit(project)
    git(tmp_path, "clone", "-q", str(project), "plain")
    assert update(inside, template, project)[0] == ExitCode.DONE
    done = subprocess.run(
        [sys.executable, "-m", "copier", "update", "--defaults", "--quiet"],
        cwd=tmp_path / "plain", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert snapshot(tmp_path / "plain") == snapshot(project)
