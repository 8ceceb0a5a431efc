"""The checked-in trees are what the template renders."""

import difflib

import pytest
from golden_trees import FOLDER, golden_answers, golden_files


@pytest.mark.parametrize("name", ["minimal", "maximal"])
def test_golden_tree(name: str) -> None:
    rendered = golden_files(name)
    base = FOLDER / name
    kept = {
        path.relative_to(base).as_posix(): path.read_bytes()
        for path in base.rglob("*")
        if path.is_file()
    }
    assert kept.keys() == rendered.keys(), "run `make golden` and look at the difference"
    different = "".join(
        line
        for path, content in sorted(rendered.items())
        for line in difflib.unified_diff(
            kept[path].decode().splitlines(True), content.decode().splitlines(True), path, path
        )
    )
    assert not different, f"run `make golden` and look at the difference:\n{different}"


def test_every_golden_project_is_possible() -> None:
    assert golden_answers().keys() == {"minimal", "maximal"}
