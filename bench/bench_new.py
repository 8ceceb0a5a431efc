"""What starting the command and rendering a project cost, beside the nearest alternatives.

`python bench/bench_new.py` needs the `bench` requirements (`fastapi_template`, in an environment
of its own, because its dependencies exclude ours) and a checkout.
"""

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

    def fastgen() -> float:
        flags = ["--defaults", "--no-git", "--no-lock", "--output", str(folder)]
        return timed([*FASTGEN, "new", f"demo{next(count)}", *flags], ROOT)

    def fastapi_template() -> float:
        where = folder / f"rival{next(count)}"
        where.mkdir()
        # Its hook installs packages after rendering: without `uv` on the path it stops there.
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
        flags = ["--name", "demo", "--force", "--quiet", "--db", "none", "--ci", "none"]
        import time

        started = time.perf_counter()
        subprocess.run(
            [template, *flags], cwd=where, env=environment, capture_output=True, check=False
        )
        elapsed = time.perf_counter() - started
        if not (where / "demo").is_dir():
            raise RuntimeError("fastapi_template rendered nothing")
        return elapsed

    return {
        "copier copy (same template, plain tree)": copier,
        "fastgen new --no-git --no-lock": fastgen,
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
            table(renders, "copier copy (same template, plain tree)", "s"),
        ]
    )
    publish("Starting and rendering", "python bench/bench_new.py", body)


if __name__ == "__main__":
    main()
