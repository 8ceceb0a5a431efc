"""The last step, done where a kill does not reach it: in a process of its own."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from generator.errors import ExitCode, FastgenError


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Leave signals aside for the moment (milliseconds) in which the project is not whole."""
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def apart(work: Callable[[], None]) -> FastgenError | None:
    """Do the work in a child of its own session, and give its failure.

    SIGKILL to this process, or to its whole process group, then leaves the work to be finished.
    Where there is no fork (Windows) it is done here.
    """
    if not hasattr(os, "fork"):
        return _failure(work)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _be_the_child(work, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        told = stream.read()
    status = os.waitpid(child, 0)[1]
    if told:
        message, hint, code = json.loads(told)
        return FastgenError(message, hint, ExitCode(code))
    return _broken_off() if status else None


def _be_the_child(work: Callable[[], None], writing: int) -> None:
    """Work, tell the failure, and end without anything that the parent is to do itself."""
    try:
        os.setsid()
        failure = _failure(work)
        if failure:
            told = json.dumps([failure.message, failure.hint, failure.exit_code])
            os.write(writing, told.encode())
    except BaseException:
        os._exit(1)
    os._exit(0)


def _failure(work: Callable[[], None]) -> FastgenError | None:
    try:
        work()
    except FastgenError as error:
        return error
    except OSError as error:
        return cannot_write(error)
    return None


def cannot_write(error: OSError) -> FastgenError:
    """Tell which file cannot be written, and why."""
    where = f" `{error.filename}`" if error.filename else ""
    reason = (error.strerror or str(error)).lower()
    return FastgenError(
        f"cannot write{where}: {reason}", "the project is as it was", ExitCode.FAILURE
    )


def _broken_off() -> FastgenError:
    return FastgenError("the change was broken off", "the project is as it was", ExitCode.FAILURE)
