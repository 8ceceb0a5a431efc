"""Running git: no prompts, no editor, no repository but the one that is meant."""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from generator.errors import ExitCode, FastgenError

OLDEST = (2, 31)
"""The first git that reads its configuration from GIT_CONFIG_COUNT, as copier's users need it."""


class GitError(FastgenError):
    """git refused; the message is its last line."""


@dataclass(frozen=True)
class Git:
    """git in one folder, with settings and variables of its own."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, stdin: bytes = b"", allowed: Sequence[int] = (0,)) -> bytes:
        """Run one git command and give its output; an exit code that is not allowed is an error."""
        done = self.run(*arguments, stdin=stdin)
        if done.returncode in allowed:
            return done.stdout
        said = done.stderr.decode(errors="replace").strip().splitlines()
        reason = said[-1].strip() if said else f"it ended with {done.returncode}"
        raise GitError(f"`git {arguments[0]}` failed: {reason}", exit_code=ExitCode.FAILURE)

    def run(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run one git command, whatever its exit code."""
        settings = [part for pair in self.settings.items() for part in ("-c", "=".join(pair))]
        try:
            return subprocess.run(
                ["git", *settings, *arguments],
                cwd=self.folder,
                env={**environment(), **self.variables},
                input=stdin,
                capture_output=True,
                check=False,
            )
        except OSError as error:
            hint = f"install git {version_text(OLDEST)} or newer"
            raise GitError("git is not installed", hint, ExitCode.STATE) from error

    def text(self, *arguments: str, allowed: Sequence[int] = (0,)) -> str:
        """Give the output of a command as text without its last line end."""
        return os.fsdecode(self(*arguments, allowed=allowed)).removesuffix("\n")

    def paths(
        self, *arguments: str, stdin: bytes = b"", allowed: Sequence[int] = (0,)
    ) -> list[str]:
        """Give the NUL-separated output of a command."""
        return split(self(*arguments, stdin=stdin, allowed=allowed))


def split(output: bytes) -> list[str]:
    """Read a NUL-separated list of paths."""
    return [os.fsdecode(part) for part in output.split(b"\0") if part]


def joined(paths: Sequence[str]) -> bytes:
    """Write a NUL-separated list of paths."""
    return b"".join(os.fsencode(path) + b"\0" for path in paths)


def environment() -> dict[str, str]:
    """Leave out a repository and a virtual environment of the caller's (hooks set them)."""
    foreign = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "VIRTUAL_ENV"}
    own = {key: value for key, value in os.environ.items() if key not in foreign}
    return {**own, "GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true", "LC_ALL": "C"}


def require_git() -> None:
    """Refuse a machine without git, or with one that is too old."""
    told = Git(Path()).text("version")
    found = re.search(r"(\d+)\.(\d+)", told)
    if found and (int(found[1]), int(found[2])) < OLDEST:
        hint = f"install git {version_text(OLDEST)} or newer"
        raise GitError(f"git {found[0]} is too old", hint, ExitCode.STATE)


def version_text(version: tuple[int, int]) -> str:
    """Write a version with dots."""
    return ".".join(map(str, version))
