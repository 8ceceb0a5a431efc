"""The golden trees: the smallest and the largest project as users get them, kept in `tests/golden/`.

A change of the template shows in them as the difference that users will see. `make golden` writes
them anew. They hold everything but the answers file, which names the version.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from combinations import Answers, Renderer, catalog, checked

FOLDER = Path(__file__).parent / "golden"
MAXIMAL: Answers = {
    "db_driver": "asyncpg",
    "cache": "redis",
    "queue": "taskiq",
    "broker": "rabbitmq",
    "metrics": "prometheus",
    "deployment": ["compose", "systemd", "kubernetes"],
    "http_edge": "nginx",
    "load_test": "both",
    "ci": "github",
    "example": True,
}


def golden_answers() -> dict[str, Answers]:
    """The answers of each tree."""
    minimal = catalog().settings["_presets"]["minimal"]["answers"]
    given = {"minimal": minimal, "maximal": MAXIMAL}
    found = {name: checked(answers) for name, answers in given.items()}
    return {name: answers for name, answers in found.items() if answers is not None}


def golden_files(name: str) -> Mapping[str, bytes]:
    """The files of a tree, as the template renders them now."""
    return Renderer().render(golden_answers()[name]).files


def size(name: str) -> tuple[int, int, int]:
    """How many files a tree has, how many lines, and how many of these are Python below `app/`."""
    files = golden_files(name)
    lines = {path: content.count(b"\n") for path, content in files.items()}
    code = [n for path, n in lines.items() if path.startswith("app/") and path.endswith(".py")]
    return len(files), sum(lines.values()), sum(code)


def write() -> None:
    """Replace the trees."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name in golden_answers():
        for path, content in golden_files(name).items():
            target = FOLDER / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


if __name__ == "__main__":
    write()
