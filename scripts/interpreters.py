"""Print the other interpreters of this machine that are supported, one a line: version and path."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

OLDEST, NEWEST = 11, 14
"""Minor versions of Python 3: what `requires-python` says, and the newest that is tested."""
PROBE = "import sys, venv; print('%d.%d' % sys.version_info[:2])"


def interpreters() -> Iterator[tuple[str, Path]]:
    """Each supported version that is here and can make environments, with its interpreter."""
    for minor in range(OLDEST, NEWEST + 1):
        version = f"3.{minor}"
        for candidate in _candidates(version):
            if _answers(candidate, version):
                yield version, candidate
                break


def _candidates(version: str) -> Iterator[Path]:
    if sys.version.startswith(f"{version}."):
        yield Path(sys.executable)
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        yield Path(folder, f"python{version}")
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    yield from sorted(versions.glob(f"{version}.*/bin/python"))


def _answers(candidate: Path, version: str) -> bool:
    """Tell whether it runs and is what its name says; a shim of pyenv may be neither."""
    try:
        done = subprocess.run([candidate, "-c", PROBE], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return done.returncode == 0 and done.stdout.strip() == version


if __name__ == "__main__":
    for name, path in interpreters():
        if not sys.version.startswith(f"{name}."):
            print(name, path)
