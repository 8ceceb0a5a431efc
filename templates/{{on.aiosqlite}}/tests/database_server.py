"""The tests' database: a file that lives as long as the test run."""

import os
import tempfile
from pathlib import Path

directory = tempfile.TemporaryDirectory(prefix="app-tests-")
os.environ["APP_DATABASE__URL"] = f"sqlite:///{Path(directory.name, 'test.db')}"


MISSING = ""
SERVER = directory.name


async def create() -> None:
    """The first connection creates the file."""


async def drop() -> None:
    """Remove the file."""
    directory.cleanup()
