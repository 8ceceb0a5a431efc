"""A small template with several versions, and a project made from it, for tests of `set` and `update`."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from generator.project import render
from generator.template import find_template

QUESTIONS = """\
_subdirectory: template
_envops: {trim_blocks: true, lstrip_blocks: true, keep_trailing_newline: true}
project_name: {type: str, default: demo}
cache:
  type: str
  default: none
  choices: [none, redis, memory]
queue:
  type: str
  default: none
  when: "{{ cache == 'redis' }}"
  choices: [none, arq]
size: {type: int, default: 1, validator: "{% if size > 9 %}`size` is over 9. Take less{% endif %}"}
plan: {type: json, when: false, default: '{"status": "ok", "environments": {}}'}
features:
  type: yaml
  when: false
  default: |
    {% if cache == 'redis' %}
    - {name: redis, title: cache on Redis, next_steps: [start redis],
       environment: [{name: APP_CACHE__URL, example: "redis://localhost", required: true}]}
    {% else %}
    []
    {% endif %}
"""
ANSWERS = "{{ _copier_conf.answers_file }}.jinja"
LINES = "".join(f"line {number}\n" for number in range(1, 21))
FILES: Mapping[str, str | bytes | None] = {
    "copier.yml": QUESTIONS,
    f"template/{ANSWERS}": "# made by fastgen\n{{ _copier_answers | to_nice_yaml -}}\n",
    "template/main.py": LINES,
    "template/other.py": LINES.replace("line", "other"),
    "template/README.md.jinja": "# {{ project_name }}\n\ncache: {{ cache }}, size: {{ size }}\n",
    "template/logo.png": b"\x89PNG\0one\0",
    "template/.gitignore": ".env\n",
    "template/{% if cache == 'redis' %}cache.py{% endif %}": LINES.replace("line", "cache"),
}
IDENTITY = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "core.autocrlf=false"]


def git(folder: Path, *arguments: str) -> str:
    """Run git and give its output."""
    done = subprocess.run(
        ["git", *IDENTITY, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


def commit(folder: Path, tag: str | None = None) -> None:
    """Commit everything, and tag it."""
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", tag or "change")
    if tag:
        git(folder, "tag", tag)


def write(folder: Path, files: Mapping[str, str | bytes | None]) -> None:
    """Write files; None removes one."""
    for name, content in files.items():
        path = folder / name
        if content is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def snapshot(folder: Path) -> dict[str, bytes]:
    """Give every file below a folder with its mode, without git's own."""
    found = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if ".git" in relative.parts:
            continue
        if path.is_symlink():
            found[relative.as_posix()] = b"l" + os.fsencode(path.readlink())
        elif path.is_file():
            executable = b"x" if path.stat().st_mode & 0o100 else b"-"
            found[relative.as_posix()] = executable + path.read_bytes()
    return found


@dataclass
class World:
    """A template repository and a project of its version v1.0.0, committed."""

    folder: Path
    answers: Mapping[str, object] = field(default_factory=dict)
    files: Mapping[str, str | bytes | None] = field(default_factory=dict)
    place: str = ""

    def __post_init__(self) -> None:
        """Make both."""
        self.template.mkdir(parents=True)
        git(self.template, "init", "-q", "-b", "main")
        write(self.template, {**FILES, **self.files})
        commit(self.template, "v1.0.0")
        self.repository.mkdir()
        git(self.repository, "init", "-q", "-b", "main")
        render(find_template(str(self.template)), self.project, self.answers)
        commit(self.repository)

    @property
    def template(self) -> Path:
        """The template's repository."""
        return self.folder / "template"

    @property
    def repository(self) -> Path:
        """The repository that holds the project."""
        return self.folder / "demo"

    @property
    def project(self) -> Path:
        """The project's folder."""
        return self.repository / self.place

    @property
    def options(self) -> tuple[str, ...]:
        """The options that point the commands at both."""
        return ("--project", str(self.project), "--template", str(self.template))

    def release(self, tag: str = "v2.0.0", **changes: str | bytes | None) -> None:
        """Change files of the template and tag the result (`main_py` stands for main.py)."""
        self.release_files({f"template/{k.replace('_', '.')}": v for k, v in changes.items()}, tag)

    def release_files(self, changes: Mapping[str, str | bytes | None], tag: str = "v2.0.0") -> None:
        """Change files of the template repository and tag the result."""
        write(self.template, changes)
        commit(self.template, tag)

    def edit(self, changes: Mapping[str, str | bytes | None]) -> None:
        """Change files of the project and commit."""
        write(self.project, changes)
        commit(self.repository)

    def text(self, name: str) -> str:
        """Read a file of the project."""
        return (self.project / name).read_bytes().decode()

    def status(self) -> dict[str, str]:
        """Give git's two letters for each changed file of the repository."""
        lines = git(self.repository, "status", "--porcelain", "--no-renames").splitlines()
        return {line[3:]: line[:2] for line in lines}
