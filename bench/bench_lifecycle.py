"""What an update and a change of answers cost, beside plain `copier update` of the same project.

`python bench/bench_lifecycle.py` in a checkout. The template's history has two releases, made
here from the checkout: the second changes two files. Each run works on a fresh clone.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from report import interleaved, publish, table, timed, versions

ROOT = Path(__file__).parent.parent
FASTGEN = [sys.executable, "-m", "generator"]
COPIER = [sys.executable, "-m", "copier", "update", "--defaults", "--quiet"]
ROUNDS = 5
README = "templates/{{on.service}}/README.md.jinja"
COUNTER = '#!/bin/sh\necho "$1" >> "{log}"\nexec "{git}" "$@"\n'


def git(folder: Path, *arguments: str) -> None:
    """Run git as a fixed person."""
    identity = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def release(template: Path, tag: str) -> None:
    """Commit everything and tag it."""
    git(template, "add", "-A")
    git(template, "commit", "-q", "-m", tag)
    git(template, "tag", tag)


def prepare(folder: Path) -> tuple[Path, Path]:
    """Make the template's two releases and a project of the first, with an edit, committed."""
    template = folder / "template"
    template.mkdir()
    git(template, "init", "-q")
    shutil.copy(ROOT / "copier.yml", template)
    shutil.copytree(ROOT / "templates", template / "templates")
    release(template, "v1.0.0")
    flags = ["--preset", "production", "--defaults", "--no-lock", "--template", str(template)]
    command = [*FASTGEN, "new", "demo", *flags, "--output", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with (template / README).open("a") as readme:
        readme.write("\nNewer.\n")
    (template / "templates" / "{{on.service}}" / "NEW.md").write_text("new\n")
    release(template, "v2.0.0")
    project = folder / "demo"
    with (project / "app" / "errors.py").open("a") as module:
        module.write("\n# mine\n")
    git(project, "commit", "-q", "-am", "edit")
    return template, project


def contenders(folder: Path) -> dict[str, Callable[[], float]]:
    """Plain copier and ours, each on a clone of its own."""
    template, project = prepare(folder)
    count = iter(range(10**6))

    def clone() -> Path:
        target = folder / f"clone{next(count)}"
        git(folder, "clone", "-q", str(project), str(target))
        return target

    def ours(*arguments: str, first: bool = False) -> Callable[[], float]:
        options = ["--template", str(template), "--project"]

        def run() -> float:
            caches = tempfile.mkdtemp(dir=folder)  # no compiled template is there yet
            environment = {**os.environ, "XDG_CACHE_HOME": caches} if first else None
            return timed([*FASTGEN, *arguments, *options, str(clone())], ROOT, environment)

        return run

    change = ["-d", "cache=redis", "--vcs-ref=:current:"]
    return {
        "copier update": lambda: timed(COPIER, clone()),
        "fastgen update": ours("update"),
        "fastgen update, first run on a machine": ours("update", first=True),
        "copier update -r :current: -d cache=redis": lambda: timed([*COPIER, *change], clone()),
        "fastgen set cache=redis": ours("set", "cache=redis"),
        "fastgen set cache=redis, first run on a machine": ours("set", "cache=redis", first=True),
    }


def with_cpu(run: Callable[[], float]) -> tuple[float, float]:
    """Wall and CPU seconds of one run: the latter hold on a machine that does other things."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def processes(folder: Path, run: Callable[[], float]) -> int:
    """Count the git processes of one run, with a `git` in front of the real one."""
    log, real = folder / "git.log", shutil.which("git")
    front = folder / "bin"
    front.mkdir(exist_ok=True)
    (front / "git").write_text(COUNTER.format(log=log, git=real))
    (front / "git").chmod(0o755)
    log.write_text("")
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{front}:{before}"
    try:
        run()
    finally:
        os.environ["PATH"] = before
    return len(log.read_text().splitlines()) - 1  # one is the clone of this benchmark


def main() -> None:
    """Measure, print, and keep the results."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cases = contenders(folder)
        runs = interleaved({case: partial(with_cpu, run) for case, run in cases.items()}, ROUNDS)
        counted = {case: processes(folder, run) for case, run in cases.items()}
        files = sum(
            1
            for path in (folder / "demo").rglob("*")
            if path.is_file() and ".git" not in path.parts
        )
    figures = {case: [wall for wall, _ in done] for case, done in runs.items()}
    spent = {case: [cpu for _, cpu in done] for case, done in runs.items()}
    names = list(cases)
    rows = [
        f"| {case} | {count} | {2 if 'fastgen' in case else 3} |" for case, count in counted.items()
    ]
    body = "\n\n".join(
        [
            versions("copier", "jinja2") + f" A project of {files} files.",
            *(
                table({case: measured[case] for case in part}, part[0], unit)
                for part in (names[:3], names[3:])
                for measured, unit in ((figures, "wall s"), (spent, "CPU s"))
            ),
            "\n".join(["| case | git processes | renders |", "|---|---|---|", *rows]),
        ]
    )
    publish("Updating", "python bench/bench_lifecycle.py", body)


if __name__ == "__main__":
    main()
