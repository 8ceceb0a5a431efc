"""Make mistakes on purpose, and see that the stage that is meant to catch each does.

`make mutations` works through `tests/mutations/mutations.yml`: each mistake is made in a copy of the
repository. The exit code is 1 if one of them passes, or fails for another reason.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).resolve().parent.parent
MUTATIONS = ROOT / "tests" / "mutations" / "mutations.yml"
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "dist")


class Mutation(NamedTuple):
    """One mistake: in which template, what becomes what, who must notice, and what that says."""

    name: str
    file: str
    replace: str
    by: str
    stage: list[str]
    says: str


def copy(folder: Path) -> Path:
    """Copy the working tree."""
    shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
    return folder


def mutate(folder: Path, mutation: Mutation) -> None:
    """Make the mistake; a text that is not there exactly once has moved on without its mutation."""
    path = folder / "templates" / mutation.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutation.replace) != 1:
        sys.exit(f"error: `{mutation.name}`: its text stands {text.count(mutation.replace)} times")
    path.write_text(text.replace(mutation.replace, mutation.by), encoding="utf-8")


def stage(folder: Path, arguments: list[str]) -> tuple[int, str]:
    """Run tests in the copy, with the copy's own package; exit code and output."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "CI": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def verdict(mutation: Mutation, code: int, output: str) -> str:
    """Say what is wrong with how the stage took the mistake; nothing if it was caught."""
    if code == 0:
        return "not noticed"
    if code != 1:
        return f"the stage did not run: exit code {code}\n{output[-2000:]}"
    return "" if mutation.says in output else f"failed for another reason:\n{output[-3000:]}"


def main() -> int:
    """Try every mutation, or those whose names contain the argument; print a line each."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    mutations = [Mutation(**one) for one in yaml.safe_load(MUTATIONS.read_text(encoding="utf-8"))]
    failures = 0
    for mutation in (one for one in mutations if wanted in one.name):
        with tempfile.TemporaryDirectory(prefix="fastgen-mutation-") as name:
            folder = copy(Path(name, "copy"))
            mutate(folder, mutation)
            problem = verdict(mutation, *stage(folder, mutation.stage))
        print(f"{'PASSED BY' if problem else 'caught   '} {mutation.name}", flush=True)
        if problem:
            failures += 1
            print(f"  {problem}")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
