"""The merge under random changes of both sides: no line of the person's is ever lost.

The renders are random trees here (what copier renders is tested elsewhere), so that hundreds of
pairs of changes run in seconds.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moving import commit, git, snapshot, write

from generator.merge.apply import apply
from generator.merge.engine import Merge, collisions, merge, place
from generator.merge.plan import describe
from generator.merge.state import Repository, open_repository
from generator.project import ANSWERS_FILE

NAMES = ("app/main.py", "app/other.py", "app/cache/guard.py", "README.md", "größe \u2713.txt")
TARGETS = ("app/moved.py", "moved/deep/file.py", "app/cache", "app", "new.txt", *NAMES)
Files = dict[str, bytes]


@dataclass(frozen=True)
class Operation:
    """One change: what is done, to which file, at which line or to which name."""

    kind: str
    file: int
    line: int
    target: str


KINDS = ("change", "change", "insert", "drop", "delete", "rename", "add", "binary", "crlf")
operations = st.lists(
    st.builds(
        Operation, st.sampled_from(KINDS), st.integers(0, 9), st.integers(0, 30),
        st.sampled_from(TARGETS),
    ),
    max_size=5,
)  # fmt: skip


def original() -> Files:
    """Give the old render: text files of different lengths, and a binary file."""
    text = {
        name: "".join(f"{name} {line}\n" for line in range(8 + 5 * number)).encode()
        for number, name in enumerate(NAMES)
    }
    return {**text, "logo.png": b"\x89PNG\0old\0", ".gitignore": b".env\n"}


def changed(files: Files, steps: list[Operation], who: str) -> Files:
    """Carry out the operations; every line written is marked with `who` and unique."""
    result = dict(files)
    for number, step in enumerate(steps):
        names = sorted(name for name in result if name != ".gitignore")
        if not names:
            break
        name = names[step.file % len(names)]
        mark = f"{who} wrote {number}".encode()
        _step(result, step, name, mark)
    return result


def _step(files: Files, step: Operation, name: str, mark: bytes) -> None:
    content, binary = files[name], b"\0" in files[name]
    if step.kind in {"rename", "add"}:
        if not _free(files, step.target, leaving=name if step.kind == "rename" else ""):
            return
        files[step.target] = files.pop(name) if step.kind == "rename" else mark + b"\n"
    elif step.kind == "delete":
        del files[name]
    elif step.kind == "binary" or binary:
        if binary:
            files[name] = b"\x89PNG\0" + mark + b"\0"
    else:
        files[name] = _edited(content, step, mark)


def _free(files: Files, target: str, leaving: str) -> bool:
    """Tell whether a file can have this name beside the others."""
    others = set(files) - {leaving}
    inside = any(name.startswith(f"{target}/") for name in others)
    below = any(target.startswith(f"{name}/") for name in others)
    return target not in others and not inside and not below


def _edited(content: bytes, step: Operation, mark: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    at = step.line % (len(lines) + 1)
    if step.kind == "crlf":
        return content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if step.kind == "drop":
        return b"".join(lines[:at] + lines[at + 1 :])
    kept = at if step.kind == "insert" else at + 1
    return b"".join([*lines[:at], mark + b"\n", *lines[kept:]])


@dataclass
class Case:
    """A repository with a project in a folder of it, and what happened to it."""

    repository: Repository
    merged: Merge

    @property
    def after(self) -> Files:
        """The project's files without modes and answers."""
        found = snapshot(self.repository.folder)
        return {name: content[1:] for name, content in found.items() if name != ANSWERS_FILE}


@contextmanager
def updated(old: Files, mine: Files, new: Files) -> Iterator[Case]:
    """Merge the change from `old` to `new` into a project that holds `mine`."""
    top = Path(tempfile.mkdtemp(prefix="merge-"))
    try:
        project = top / "services" / "demo"
        write(project, mine | {ANSWERS_FILE: b"_commit: v1\n"})
        write(top, {"outside.txt": "outside\n"})
        git(top, "init", "-q")
        commit(top)
        write(project, {".env": "SECRET=42\n"})
        yield _merged(open_repository(project), old, new)
    finally:
        shutil.rmtree(top)


def _merged(repository: Repository, old: Files, new: Files) -> Case:
    old_top, new_top = (_placed(repository, *pair) for pair in (("v1", old), ("v2", new)))
    case = Case(repository, merge(repository, old_top, new_top, "fastgen v2"))
    assert collisions(case.merged) == []
    apply(case.merged)
    return case


def _placed(repository: Repository, version: str, tree: Files) -> Path:
    """Write a tree as if it had been rendered; give the folder of the repository's top."""
    top, folder = place(repository, "tree")
    write(folder, tree | {ANSWERS_FILE: f"_commit: {version}\n", ".env": f"SECRET={version}\n"})
    return top


def written_lines(files: Files, before: Files) -> set[bytes]:
    """Give the lines that are in these files and not in the ones before, without line ends."""
    lines = {line for content in files.values() for line in content.splitlines()}
    return lines - {line for content in before.values() for line in content.splitlines()}


def check(mine_steps: list[Operation], new_steps: list[Operation]) -> None:
    old = original()
    mine, new = changed(old, mine_steps, "person"), changed(old, new_steps, "template")
    with updated(old, mine, new) as case:
        after = case.after
        assert written_lines(mine, old) <= written_lines(after, {}), "a person's line is lost"
        assert after.pop(".env") == b"SECRET=42\n"
        assert (case.repository.top / "outside.txt").read_bytes() == b"outside\n"
        unmerged = git(case.repository.top, "ls-files", "-u", "-z")
        plan = describe(case.merged)
        assert bool(unmerged) == bool(plan.conflicting)
        if not plan.conflicting:
            _check_clean_merge(after, old, mine, new, plan.kept)
            _check_again(case, new)


def _check_clean_merge(after: Files, old: Files, mine: Files, new: Files, kept: list[str]) -> None:
    if mine == old:
        assert after == new
    if new == old:
        assert after == mine
    if not kept:
        arrived = written_lines(new, old)
        assert arrived <= written_lines(after, {}), "a line of the template is missing"
    for name in set(old) & set(mine) & set(new):
        if mine[name] == old[name] and not _moved(old, mine, new):
            assert after[name] == new[name]


def _moved(old: Files, mine: Files, new: Files) -> bool:
    """Tell whether a file could have been taken for another that moved."""
    return bool(set(old) - set(mine)) or bool(set(old) - set(new))


def _check_again(case: Case, new: Files) -> None:
    """The same update once more finds nothing to do."""
    commit(case.repository.top)
    before = snapshot(case.repository.top)
    assert describe(_merged(case.repository, new, new).merged).empty
    assert snapshot(case.repository.top) == before


PROFILE = settings(
    deadline=None, max_examples=60, suppress_health_check=list(HealthCheck), derandomize=True
)


@pytest.mark.slow
@PROFILE
@given(mine=operations, new=operations)
def test_no_line_of_the_person_is_lost(mine: list[Operation], new: list[Operation]) -> None:
    check(mine, new)


@pytest.mark.nightly  # what chance finds late must not stop a change that has nothing to do with it
@settings(PROFILE, max_examples=500, derandomize=False)
@given(mine=operations, new=operations)
def test_no_line_of_the_person_is_lost_at_length(
    mine: list[Operation], new: list[Operation]
) -> None:
    check(mine, new)


def test_an_edited_binary_that_moves_to_a_name_of_the_persons_is_written_beside_it() -> None:
    mine = [Operation("change", 5, 0, "new.txt"), Operation("rename", 0, 0, "app/moved.py")]
    check(mine, [Operation("rename", 5, 0, "app/moved.py")])


def test_an_edited_text_that_moves_to_a_name_of_the_persons_binary_is_written_beside_it() -> None:
    mine = [Operation("change", 3, 0, "new.txt"), Operation("rename", 5, 0, "new.txt")]
    check(mine, [Operation("rename", 3, 0, "new.txt")])


def test_an_edited_binary_that_both_sides_moved_to_one_name_is_kept() -> None:
    mine = [Operation("change", 5, 0, "new.txt"), Operation("rename", 5, 0, "app/moved.py")]
    check(mine, [Operation("rename", 5, 0, "app/moved.py")])


def test_the_check_notices_a_lost_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The property must be able to fail: an update that overwrites is caught."""
    monkeypatch.setattr("generator.merge.apply._replace", lambda _, target: target.write_bytes(b""))
    mine = [Operation("change", 1, 3, "new.txt")]
    new = [Operation("change", 1, 0, "new.txt")]
    with pytest.raises(AssertionError, match="lost"):
        check(mine, new)
