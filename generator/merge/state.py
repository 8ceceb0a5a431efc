"""The project before a change: where it lies in its repository, and whether it can be worked on."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator import artefacts
from generator.errors import ExitCode, FastgenError
from generator.git import Git, GitError, require_git
from generator.project import ANSWERS_FILE, read_answers
from generator.template import TEMPLATE_URL, is_ours, same_template

SETTINGS = {"core.quotePath": "false", "core.fsmonitor": "false"}
SHOWN = 5
"""Files that a refusal names."""
UNDER_WAY = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
}


@dataclass(frozen=True)
class Repository:
    """A project's repository: `top` is its work tree, `prefix` the project in it (`""`, `a/b/`).

    `answers_file` is where the project keeps its answers.
    """

    top: Path
    prefix: str
    git_dir: Path
    answers_file: str = ANSWERS_FILE

    @property
    def git(self) -> Git:
        """Work at the top of the work tree, where all paths of a merge are relative to."""
        return Git(self.top, SETTINGS)

    @property
    def folder(self) -> Path:
        """The project's own folder."""
        return self.top / self.prefix

    def has(self, name: str) -> bool:
        """Tell whether the git directory holds an entry."""
        return (self.git_dir / name).exists()


def open_repository(project: Path) -> Repository:
    """Find the repository of a project, or refuse."""
    require_git()
    if not project.is_dir():
        raise FastgenError(f"`{project}` is not a directory", exit_code=ExitCode.STATE)
    git = Git(project, SETTINGS)
    try:
        told = git.text("rev-parse", "--show-toplevel", "--absolute-git-dir", "--show-prefix")
    except GitError as error:
        hint = "make it one: `git init && git add -A && git commit -m start`"
        raise FastgenError(
            f"`{project}` is not in a git repository", hint, ExitCode.STATE
        ) from error
    top, git_dir, prefix = told.split("\n")
    return Repository(Path(top), prefix, Path(git_dir), answers_file(project))


def answers_file(project: Path) -> str:
    """Name the answers' file: a project's own, or that of deployment files alone."""
    alone = artefacts.ANSWERS_FILE
    is_alone = not artefacts.is_own(project) and (project / alone).is_file()
    return alone if is_alone else ANSWERS_FILE


def check_answers(project: Path, template: str | None) -> dict[str, Any]:
    """Read the answers; refuse a broken file, or one of another template than ours or `template`."""
    path = project / answers_file(project)
    if path.is_file() and _has_markers(path.read_bytes()):
        hint = "settle the conflict, then commit"
        raise FastgenError(f"`{path}` has conflict markers", hint, ExitCode.STATE)
    answers = read_answers(project, path.name)
    url = answers.get("_src_path")
    if not isinstance(url, str):
        raise FastgenError(f"`{path}` names no template", "see `git diff`", ExitCode.STATE)
    if template is None and not is_ours(url):
        raise FastgenError(
            f"`{project}` was made from another template: {url}",
            f"if that is a copy of {TEMPLATE_URL}, give `--template {url}`",
            ExitCode.STATE,
        )
    if not isinstance(answers.get("_commit"), str):
        raise FastgenError(
            f"`{path}` does not say which version of the template was used",
            f"add a line `_commit: vX.Y.Z` with the release, then commit{_spelled(url, template)}",
            ExitCode.STATE,
        )
    return answers


def _spelled(url: str, template: str | None) -> str:
    return "" if template is None or same_template(url, template) else f" (it was {url})"


def _has_markers(content: bytes) -> bool:
    return any(line.startswith((b"<<<<<<<", b">>>>>>>")) for line in content.splitlines())


def check_clean(repository: Repository) -> None:
    """Refuse changes that are not committed, and operations of git that are under way."""
    git = repository.git
    for name, operation in UNDER_WAY.items():
        if repository.has(name):
            raise FastgenError(
                f"a {operation} is in progress",
                f"finish it, or `git {operation} --abort`",
                ExitCode.STATE,
            )
    if git.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}").returncode:
        hint = "`git add -A && git commit -m start`"
        raise FastgenError("the repository has no commit yet", hint, ExitCode.STATE)
    changed = _changed(repository)
    if changed:
        more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        named = ", ".join(f"`{path}`" for path in changed[:SHOWN]) + more
        hint = "`git commit`, or put them aside with `git stash`"
        raise FastgenError(f"not committed: {named}", hint, ExitCode.STATE)
    answers = repository.prefix + repository.answers_file
    if not git.paths("ls-tree", "-z", "--name-only", "HEAD", "--", answers):
        hint = f"`git add -f {repository.answers_file} && git commit`"
        raise FastgenError(f"`{repository.answers_file}` is not committed", hint, ExitCode.STATE)


def _changed(repository: Repository) -> list[str]:
    """List the tracked files of the project that differ from the last commit."""
    status = ["status", "--porcelain", "-z", "--no-renames", "--untracked-files=no"]
    where = repository.prefix or "."
    return [line[3:] for line in repository.git.paths(*status, "--", where)]


@contextmanager
def locked(repository: Repository) -> Iterator[None]:
    """Keep a second command away from the project; the lock goes with the process, however it ends."""
    path = repository.git_dir / "fastgen.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise FastgenError(f"cannot write `{path}`: {reason}", exit_code=ExitCode.STATE) from error
    try:
        if not _lock(descriptor):
            hint = "wait until it is done"
            raise FastgenError("another fastgen works on this project", hint, ExitCode.STATE)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Take the lock of an open file, or say that somebody has it."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
