"""Temporary folders that name their process, so that the next run removes what a killed one left."""

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

PREFIX = "fastgen-"


def new_folder(parent: Path, prefix: str) -> Path:
    """Make an empty folder in `parent`, and remove those of runs that are over."""
    remove_leftovers(parent, prefix)
    return Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-", dir=parent))


def scratch(name: str) -> Path:
    """Give an empty folder for this run; it is removed when the run ends."""
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=_of_this_process(os.getpid())))


@cache
def _of_this_process(_process: int) -> Path:
    folder = new_folder(Path(tempfile.gettempdir()), PREFIX)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def remove_leftovers(parent: Path, prefix: str) -> None:
    """Remove the folders in `parent` whose process has ended."""
    for left in parent.glob(f"{prefix}*"):
        owner = left.name.removeprefix(prefix).partition("-")[0]
        if owner.isdecimal() and not _alive(int(owner)):
            shutil.rmtree(left, ignore_errors=True)


def _alive(process: int) -> bool:
    """Tell whether a process runs; where that cannot be asked harmlessly (Windows), say yes."""
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
