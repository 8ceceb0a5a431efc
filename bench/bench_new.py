"""What starting the command and rendering a project cost, beside the nearest alternatives.

`python bench/bench_new.py` needs the `bench` requirements (`fastapi_template`, in an environment
of its own, because its dependencies exclude ours) and a checkout.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path

from report import interleaved, publish, table, timed, versions

ROOT = Path(__file__).parent.parent
FASTGEN = [sys.executable, "-m", "generator"]
ROUNDS = 7

TYPER = """
import typer
app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
@app.command()
def one() -> None: ...
@app.command()
def two() -> None: ...
app()
"""


def help_cases(folder: Path) -> dict[str, Callable[[], float]]:
    """`--help` of a typer program that does nothing, and ours."""
    program = folder / "nothing.py"
    program.write_text(TYPER)
    return {
        "typer program that does nothing": lambda: timed([sys.executable, str(program), "--help"]),
        "fastgen --help": lambda: timed([*FASTGEN, "--help"], ROOT),
    }


def rival(folder: Path) -> Path:
    """`fastapi_template` in an environment of its own."""
    environment = folder / "rival"
    venv.create(environment, with_pip=True)
    pip = [environment / "bin" / "python", "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "fastapi_template", "setuptools<81"], check=True)
    return environment / "bin" / "fastapi_template"


def render_cases(folder: Path) -> dict[str, Callable[[], float]]:
    """One minimal project: plain copier on the same template, ours, and the best-known rival."""
    tree = folder / "template"
    tree.mkdir()
    shutil.copy(ROOT / "copier.yml", tree)
    shutil.copytree(ROOT / "templates", tree / "templates")
    template = rival(folder)
    count = iter(range(10**6))

    def copier() -> float:
        target = folder / f"copier{next(count)}"
        data = ["-d", "project_name=demo"]
        command = [sys.executable, "-m", "copier", "copy", "--defaults", "--quiet", *data]
        return timed([*command, str(tree), str(target)])

    def fastgen(*more: str, cache: str = "") -> float:
        flags = ["--defaults", "--no-git", "--no-lock", "--output", str(folder), *more]
        environment = {**os.environ, "XDG_CACHE_HOME": cache or str(folder / "cache")}
        return timed([*FASTGEN, "new", f"demo{next(count)}", *flags], ROOT, environment)

    minimal_ours = ["--preset", "minimal"]

    # It refuses to start without `uv` and calls it after rendering: a command that does nothing
    # stands in, so that its time holds no installation. It makes a first commit in any case.
    tools = folder / "tools"
    tools.mkdir()
    (tools / "uv").symlink_to("/bin/true")
    environment = {**os.environ, "PATH": f"{tools}:/usr/bin:/bin", "HOME": str(folder)}
    minimal = ["--api-type", "rest", "--db", "none", "--orm", "none", "--ci", "none"]

    def fastapi_template() -> float:
        where = folder / f"rival{next(count)}"
        where.mkdir()
        flags = ["--name", "demo", "--force", "--quiet", *minimal]
        elapsed = timed([str(template), *flags], where, environment)
        if not (where / "demo" / "pyproject.toml").is_file():
            raise RuntimeError("fastapi_template rendered nothing")
        return elapsed

    return {
        "copier copy (same template, plain tree)": copier,
        "fastgen new": fastgen,
        "fastgen new --preset minimal": lambda: fastgen(*minimal_ours),
        "the same, first run on a machine": lambda: fastgen(
            *minimal_ours, cache=tempfile.mkdtemp(dir=folder)
        ),
        "fastapi_template, minimal": fastapi_template,
    }


def main() -> None:
    """Measure, print, and keep the results."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        helps = interleaved(help_cases(folder), ROUNDS * 2)
        renders = interleaved(render_cases(folder), ROUNDS)
    body = "\n\n".join(
        [
            versions("typer", "copier", "jinja2"),
            table(helps, "typer program that does nothing", "s"),
            "Rendering; `fastgen new` with `--defaults --no-git --no-lock`:",
            table(renders, "copier copy (same template, plain tree)", "s"),
        ]
    )
    publish("Starting and rendering", "python bench/bench_new.py", body)


if __name__ == "__main__":
    main()
