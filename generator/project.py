"""Projects on disk: rendering through copier, the first commit, the dependency lock.

Nothing half-written is ever seen under a project's name: it is made in a hidden folder beside
it and moved there in one step.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from generator.compiled import shared_compilation
from generator.errors import ExitCode, FastgenError
from generator.git import environment
from generator.scratch import new_folder
from generator.template import Template

ANSWERS_FILE = ".copier-answers.yml"
COMMIT_MESSAGE = "Start from the fastgen template"
GIT_SECONDS = 30
LOCK_SECONDS = 60
"""Longest waits for git and for uv; both are optional steps."""


@dataclass(frozen=True)
class Step:
    """How an optional step ended: `done`, `skipped` or `failed`, and why; `retry` is a command."""

    status: str
    reason: str = ""
    retry: str = ""


@contextmanager
def staging(destination: Path) -> Iterator[Path]:
    """Give a folder beside `destination` with its name, removed at the end if it is still there.

    Its parent carries the process id, so that the next run removes what a killed run left.
    """
    prefix = f".{destination.name}.fastgen-"
    try:
        holder = new_folder(destination.parent, prefix)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FastgenError(f"cannot write in `{destination.parent}`: {reason}") from error
    try:
        yield holder / destination.name
    finally:
        shutil.rmtree(holder, ignore_errors=True)


def publish(staged: Path, destination: Path) -> None:
    """Move a finished project to its place in one step; an empty folder there is replaced."""
    try:
        if destination.is_dir():
            destination.rmdir()
        staged.rename(destination)
    except OSError as error:
        raise FastgenError(
            f"cannot move the project to `{destination}`: {(error.strerror or '').lower()}",
            "something else wrote there meanwhile; nothing of it was changed",
            ExitCode.FAILURE,
        ) from error


def check_destination(destination: Path) -> None:
    """Refuse a target that holds something, and a parent that is not there."""
    parent = destination.parent
    if not parent.is_dir():
        what = "is not a directory" if parent.exists() else "does not exist"
        raise FastgenError(f"the parent `{parent}` {what}", f"mkdir -p {parent}")
    if destination.is_symlink():
        raise FastgenError(f"`{destination}` is a symbolic link", "choose another name")
    if destination.is_dir() and not any(destination.iterdir()):
        return
    if destination.exists():
        what = "exists and is not empty" if destination.is_dir() else "exists and is a file"
        raise FastgenError(f"`{destination}` {what}", "choose another name, or `--output DIR`")


def render(
    template: Template,
    destination: Path,
    answers: Mapping[str, object],
    answers_file: str = ANSWERS_FILE,
) -> dict[str, object]:
    """Render `template` into `destination` with checked `answers`.

    Gives every answer, the computed ones included. The answers file records the template's
    URL and commit, exactly as copier writes them when it renders from that URL.
    """
    import copier

    with _without_git(), copier_errors(), shared_compilation():
        worker = copier.run_copy(
            str(template.root),
            destination,
            data=dict(answers),
            answers_file=answers_file,
            settings=copier.Settings(),
            defaults=True,
            overwrite=True,
            quiet=True,
            unsafe=False,
        )
    _record_origin(destination / answers_file, template)
    return dict(worker.answers.combined)


@contextmanager
def copier_errors() -> Iterator[None]:
    """Turn copier's exceptions into one line each; a mistake in the template is a failure."""
    import copier.errors
    import jinja2

    try:
        yield
    except copier.errors.UserMessageError as error:
        raise FastgenError(_line(error), exit_code=ExitCode.FAILURE) from error
    except (jinja2.TemplateError, copier.errors.CopierError) as error:
        raise FastgenError(
            f"the template has a mistake: {_line(error)}", exit_code=ExitCode.FAILURE
        ) from error
    except ValueError as error:
        raise FastgenError(_line(error)) from error
    except OSError as error:
        raise FastgenError(f"cannot write: {_line(error)}", exit_code=ExitCode.FAILURE) from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


@contextmanager
def _without_git() -> Iterator[None]:
    """Hide git from copier, which works without it on a plain tree.

    With git it would clone a checkout (and so miss changes that are not committed), and start a
    process per rendered file to ask for `core.fileMode`.
    """
    import plumbum

    with plumbum.local.env(PATH=os.devnull):
        yield


def _record_origin(answers_file: Path, template: Template) -> None:
    """Replace the origin that copier recorded (a local path) by the template's URL and commit."""
    import yaml

    origin = {"_commit": template.commit, "_src_path": template.url}
    known = {key: value for key, value in origin.items() if value is not None}
    text = answers_file.read_text(encoding="utf-8")
    recorded = yaml.safe_dump(known, allow_unicode=True, default_flow_style=False)
    # A long value continues on indented lines.
    pattern = re.compile(r"^_src_path:.*\n(?:[ ].*\n)*", re.MULTILINE)
    answers_file.write_text(pattern.sub(lambda _: recorded, text, count=1), encoding="utf-8")


def read_answers(project: Path, name: str = ANSWERS_FILE) -> dict[str, object]:
    """Read the answers that a project was made with, and its template (`_src_path`, `_commit`)."""
    import yaml

    path = project / name
    try:
        answers = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        what = "is not readable" if path.exists() else "is not there"
        hint = f"`{project}` is no project of fastgen" if not path.exists() else "see `git diff`"
        raise FastgenError(f"`{path}` {what}", hint, ExitCode.STATE) from error
    if not isinstance(answers, dict):
        raise FastgenError(f"`{path}` is not a map of answers", "see `git diff`", ExitCode.STATE)
    return answers


def files(root: Path) -> list[str]:
    """List the project's files (POSIX paths relative to it), without git's own."""
    found = (path for path in root.rglob("*") if path.is_file() or path.is_symlink())
    relative = (path.relative_to(root) for path in found)
    return sorted(path.as_posix() for path in relative if path.parts[0] != ".git")


def lock_dependencies(project: Path) -> Step:
    """Write `uv.lock` where uv is installed; needs the package index, so it may fail."""
    retry = "uv lock"
    if not shutil.which("uv"):
        return Step("skipped", "uv is not installed")
    if not (project / "pyproject.toml").is_file():
        return Step("skipped", "nothing to lock")
    failure = _run(["uv", "lock", "--quiet"], project, LOCK_SECONDS)
    if failure:
        return Step("failed", failure, retry)
    locked = (project / "uv.lock").is_file()
    return Step("done") if locked else Step("failed", "uv wrote no uv.lock here", retry)


def first_commit(project: Path, parent: Path, identity: tuple[str, str]) -> Step:
    """Make `project` a git repository with one commit, unless `parent` is inside one already.

    `identity` (name, e-mail address) is used where git has none of its own.
    """
    if not shutil.which("git"):
        reason = "git is not installed; the project can be updated once it is committed to git"
        return Step("failed", reason)
    if not _run(["git", "rev-parse", "--is-inside-work-tree"], parent, GIT_SECONDS):
        return Step("skipped", "inside a git repository already")
    branch = _output(["git", "config", "init.defaultBranch"], project) or "main"
    for command in (["git", "init", "--quiet", f"--initial-branch={branch}"], ["git", "add", "-A"]):
        if failure := _run(command, project, GIT_SECONDS):
            return Step("failed", failure, "git init && git add -A && git commit")
    return _commit(project, identity)


def _commit(project: Path, identity: tuple[str, str]) -> Step:
    commit = ["commit", "--quiet", "-m", COMMIT_MESSAGE]
    name, email = (
        _output(["git", "config", f"user.{key}"], project) or answered
        for key, answered in zip(("name", "email"), identity, strict=True)
    )
    named = ["-c", f"user.name={name}", "-c", f"user.email={email}"] if name and email else []
    failure = _run(["git", *named, *commit], project, GIT_SECONDS)
    if not failure:
        return Step("done", branch_of(project))
    if name and email:
        return Step("failed", failure, f'git commit -m "{COMMIT_MESSAGE}"')
    who = '-c user.name="$USER" -c user.email="$USER@localhost"'
    reason = "git knows no name and e-mail address for you"
    return Step("failed", reason, f'git {who} commit -m "{COMMIT_MESSAGE}"')


def branch_of(project: Path) -> str:
    """Name the branch that is checked out."""
    return _output(["git", "symbolic-ref", "--short", "HEAD"], project)


def _run(command: Sequence[str], folder: Path, seconds: int) -> str:
    """Run a command in a folder; give an empty string, or the reason why it failed."""
    return _call(command, folder, seconds)[1]


def _output(command: Sequence[str], folder: Path) -> str:
    return _call(command, folder, GIT_SECONDS)[0]


def _call(command: Sequence[str], folder: Path, seconds: int) -> tuple[str, str]:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "", f"`{command[0]}` took longer than {seconds} s"
    except OSError as error:
        return "", (error.strerror or str(error)).lower()
    if done.returncode == 0:
        return done.stdout.strip(), ""
    said = [line for line in done.stderr.strip().splitlines() if line.strip()]
    return "", said[-1].strip() if said else f"`{command[0]}` ended with {done.returncode}"
