"""Try rendered projects on the newest packages of the index, and say which package breaks what.

`make freshness` renders every preset and some larger projects, installs each without the upper bounds
of `templates/_shared/versions/pyproject.toml`, runs its tests and starts it. Where that fails, every package
that is beyond its bound is tried alone on top of the versions within the bounds. The exit code is 1
when anything breaks, the reports say what to raise and what to look at. With an argument only the projects
whose answers contain it are tried (`db_driver=none`).
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "service")]

import harness  # noqa: E402 - beside the tests
import pytest  # noqa: E402
from combinations import Answers, catalog, checked, named  # noqa: E402
from golden_trees import MAXIMAL  # noqa: E402
from matrix import Backends  # noqa: E402
from packaging.requirements import Requirement  # noqa: E402
from packaging.specifiers import SpecifierSet  # noqa: E402
from packaging.utils import canonicalize_name  # noqa: E402

MORE: tuple[Answers, ...] = (
    MAXIMAL,
    {"db_driver": "psycopg", "queue": "procrastinate", "data_layer": "sqlmodel"},
    {"db_driver": "asyncmy", "queue": "celery", "broker": "redis", "server": "gunicorn"},
    {"db_driver": "aiomysql", "cache": "memcached", "queue": "taskiq", "broker": "nats"},
    {"db_driver": "asyncpg", "data_layer": "asyncpg", "server": "granian", "queue": "saq"},
)
"""Projects beside the presets, so that every package of the manifest is in one."""


@dataclass(frozen=True)
class Result:
    """What happened to one project with one set of packages; `failure` is empty for success."""

    failure: str
    versions: Mapping[str, str]


def projects(wanted: str = "") -> Iterator[Answers]:
    """The answers of everything that is tried, or of those projects whose names have a text."""
    presets = catalog().settings["_presets"].values()
    for answers in (*(preset["answers"] for preset in presets), *MORE):
        complete = checked(answers)
        if complete is None:
            raise SystemExit(f"error: this project is refused: {answers}")
        if wanted in named(complete):
            yield complete


def unbounded(text: str) -> str:
    """The requirement without its upper bound."""
    requirement = Requirement(text)
    lower = [str(one) for one in requirement.specifier if not one.operator.startswith("<")]
    requirement.specifier = SpecifierSet(",".join(lower))
    return str(requirement)


def alone(requirements: Sequence[str], name: str, version: str) -> list[str]:
    """The requirements with another version of one package, with the extras that it is asked for."""
    found, extras = list[str](), ""
    for text in requirements:
        requirement = Requirement(text)
        if canonicalize_name(requirement.name) == name:
            extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
        else:
            found.append(text)
    return [*found, f"{name}{extras}=={version}"]


def install(folder: Path, wanted: list[str]) -> Path:
    """Make an environment with the newest packages that `wanted` allows; its Python."""
    uv = [sys.executable, "-m", "uv", "--quiet"]
    python = folder / "bin" / "python"
    for command in (
        ["venv", "--clear", "--python", sys.executable, str(folder)],
        ["pip", "install", "--upgrade", "--python", str(python), *wanted],
    ):
        done = subprocess.run([*uv, *command], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return python


def installed(python: Path) -> dict[str, str]:
    """The versions in an environment."""
    command = [sys.executable, "-m", "uv", "--quiet", "pip", "freeze", "--python", str(python)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = (line.partition("==") for line in done.stdout.splitlines())
    return {name: version for name, _, version in lines if version}


def attempt(project: harness.Project, wanted: list[str], folder: Path) -> Result:
    """Install, run the project's tests, start it and ask whether it lives."""
    try:
        python = install(folder, wanted)
    except RuntimeError as error:
        return Result(f"cannot be installed: {error}", {})
    made = harness.Project(project.path, python, project.environment)
    versions = installed(python)
    try:
        made.run("pytest", "-q", "-W", "default", "-p", "no:cacheprovider", CI="true")
        if (made.path / "app" / "migrate.py").exists():
            made.run("app.migrate")
        with harness.serve(made, workers=2) as server:
            for path in ("/livez", "/readyz", "/openapi.json"):
                if server.get(path)[0] != 200:
                    return Result(f"{path} answers {server.get(path)}", versions)
    except pytest.fail.Exception as error:
        return Result(_gist(str(error)), versions)
    return Result("", versions)


def _gist(text: str) -> str:
    """The lines that name what failed."""
    named_lines = [
        line for line in text.splitlines() if line.startswith(("FAILED", "ERROR", "E  "))
    ]
    return "\n    ".join((named_lines or text.splitlines())[-6:])


def culprits(project: harness.Project, newest: Result, folder: Path) -> list[str]:
    """Try each package that is newer than the bounds allow alone; name those that break."""
    bounded = harness.requirements_of(project.path)
    within = attempt(project, bounded, folder)
    if within.failure:
        return [f"within its bounds too: {within.failure}"]
    found: list[str] = []
    for name, version in newest.versions.items():
        if version == within.versions.get(name):
            continue
        result = attempt(project, alone(bounded, name, version), folder)
        if result.failure:
            found.append(f"{name} {within.versions.get(name)} -> {version}: {result.failure}")
    return found or ["no package alone: only the newest ones together break it"]


def main() -> int:
    """Try every project; print a line each, and what is to be done."""
    broken, beyond = 0, dict[str, str]()
    with ExitStack() as stack, tempfile.TemporaryDirectory(prefix="fastgen-freshness-") as name:
        backends = Backends(stack)
        for number, answers in enumerate(projects("".join(sys.argv[1:2]))):
            folder = Path(name, str(number))
            try:
                environment = backends.environment(answers, number)
            except pytest.fail.Exception as error:
                broken += 1
                print(f"UNTRIED {named(answers)}\n    its servers: {error}", flush=True)
                continue
            path = harness.render(folder / "demo", **answers)
            harness.describe(path)
            project = harness.Project(path, Path(sys.executable), environment)
            newest = _tried(project, named(answers), folder)
            broken += bool(newest.failure)
            beyond |= _beyond(harness.requirements_of(path), newest.versions)
    for package, change in sorted(beyond.items()):
        print(f"beyond its bound: {package} {change}")
    return int(broken > 0)


def _tried(project: harness.Project, name: str, folder: Path) -> Result:
    """Try a project on the newest packages; say whether it works, and if not, which break it."""
    wanted = [unbounded(requirement) for requirement in harness.requirements_of(project.path)]
    result = attempt(project, wanted, folder / "newest")
    print(f"{'BROKEN' if result.failure else 'works '} {name}", flush=True)
    if result.failure:
        print(f"    {result.failure}", flush=True)
        for culprit in culprits(project, result, folder / "one"):
            print(f"  by {culprit}", flush=True)
    return result


def _beyond(bounded: list[str], versions: Mapping[str, str]) -> dict[str, str]:
    """The packages whose newest version the manifest excludes."""
    found: dict[str, str] = {}
    for requirement in map(Requirement, bounded):
        version = versions.get(requirement.name)
        if version and not requirement.specifier.contains(version, prereleases=True):
            found[requirement.name] = f"{requirement.specifier} -> {version}"
    return found


if __name__ == "__main__":
    sys.exit(main())
