"""Failures that are told to the person: one line, a hint and an exit code."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every command (a contract: other tools read them)."""

    DONE = 0
    FAILURE = 1
    """Not the person's doing."""
    USAGE = 2
    """Usage or an invalid answer; nothing was written."""
    CONFLICTS = 3
    """Merged, with conflicts left for the person."""
    STATE = 4
    """The project is not in a state to work on."""
    UPDATE_AVAILABLE = 5
    """`update --check` found a newer template."""


class FastgenError(Exception):
    """An expected failure: shown as `error: message` and `hint: hint`, never as a traceback."""

    def __init__(self, message: str, hint: str = "", exit_code: ExitCode = ExitCode.USAGE) -> None:
        """Keep what is shown (`message`, `hint`) and the process's exit code."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code
