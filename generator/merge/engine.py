"""The merge: two renders and the project become one result, computed away from the project.

The old and the new render are written as trees of the project's own repository (at the project's
place in it, without what the project ignores). git then merges them with the last commit in an
index and a work tree of our own, as it merges branches: it follows renames, and leaves a visible
conflict where both sides changed the same lines, changed a binary file, or one changed what the
other deleted. Nothing of the project is touched here.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

from generator.errors import ExitCode, FastgenError
from generator.git import Git, GitError, joined, split
from generator.merge.state import Repository
from generator.project import files
from generator.scratch import scratch

OURS = "your project"
SETTINGS = {
    # A person's settings must not decide what is merged.
    "merge.renames": "true",
    "merge.directoryRenames": "false",
    "merge.renameLimit": "10000",
    "diff.renames": "true",
    "diff.renameLimit": "10000",
    "core.fileMode": "true" if os.name == "posix" else "false",
    "core.safecrlf": "false",
    "core.splitIndex": "false",
    "core.sparseCheckout": "false",
}


class Entry(NamedTuple):
    """A file as git keeps it: its mode and its content's name."""

    mode: str
    blob: str


Tree = dict[str, Entry]
"""Files by their path in the repository."""
Spared = Callable[[str], bool]
"""Tells of a file in the project whether the template leaves it alone once it exists."""


class Staged(NamedTuple):
    """A line of an index; `stage` is 0 for a settled file, 1 to 3 for a conflict's sides."""

    path: str
    stage: int
    entry: Entry


@dataclass(frozen=True)
class Merge:
    """What came out: the trees that went in, the index, and where the files' new contents lie.

    `renamed` maps a path of the project to the one that it moves to. `ignored` are files of the
    template that the project ignores; they take no part.
    """

    repository: Repository
    head: str
    old: Tree
    ours: Tree
    new: Tree
    index: tuple[Staged, ...]
    renamed: dict[str, str]
    contents: Path
    ignored: tuple[str, ...]

    @property
    def settled(self) -> Tree:
        """The files of the result that are in no conflict."""
        return {line.path: line.entry for line in self.index if line.stage == 0}

    @property
    def conflicts(self) -> list[str]:
        """The paths that are left for the person."""
        return sorted({line.path for line in self.index if line.stage})


def merge(
    repository: Repository, old: Path, new: Path, label: str, spared: Spared = lambda _: False
) -> Merge:
    """Merge the change from the render `old` to the render `new` into the last commit.

    Both lie in a folder that stands for the repository's top (see `place`). `label` names the new
    side in conflicts. `spared` tells which files (by their path in the project) are left alone
    where they exist.
    """
    head = repository.git.text("rev-parse", "HEAD")
    rendered = {*files(old), *files(new)}
    cut = len(repository.prefix)
    there = {path for path in rendered if os.path.lexists(repository.top / path)}
    ignored = _ignored(repository, rendered) | {path for path in there if spared(path[cut:])}
    base = _write_tree(repository, old, ignored, recorded=True)
    theirs = _write_tree(repository, new, ignored)
    contents, git = _own_index(repository)
    git("read-tree", head)
    labels = {f"GITHEAD_{head}": OURS, f"GITHEAD_{theirs}": label}
    merger = Git(git.folder, git.settings, {**git.variables, **labels})
    done = merger.run("merge-recursive", base, "--", head, theirs)
    if done.returncode > 1:
        reason = " ".join(done.stderr.decode(errors="replace").split())
        raise FastgenError(f"git cannot merge: {reason}", exit_code=ExitCode.FAILURE)
    ours = _tree(git, head)
    index = _settle(git, ours)
    _keep_both(repository, git, index, {2: OURS, 3: label})
    return Merge(
        repository, head, _tree(git, base), ours, _tree(git, theirs),
        index, _renames(git), contents, tuple(sorted(ignored)),
    )  # fmt: skip


def place(repository: Repository, name: str) -> tuple[Path, Path]:
    """Give a folder that stands for the repository's top, and the project's place in it."""
    top = scratch(name)
    return top, top / repository.prefix


def _ignored(repository: Repository, paths: Iterable[str]) -> set[str]:
    """Ask which of the template's files the project ignores (and has not added all the same)."""
    given = joined(sorted(paths))
    ask = ("check-ignore", "-z", "--stdin")
    try:
        return set(repository.git.paths(*ask, stdin=given, allowed=(0, 1)))
    except GitError as error:  # a folder of the template is a symbolic link in the project
        hint = "the template has a folder there; put a folder in its place"
        raise FastgenError(error.message, hint, ExitCode.STATE) from error


def _own_index(repository: Repository) -> tuple[Path, Git]:
    """Give an empty folder, and git with it as the work tree and an index beside it."""
    folder = scratch("merge")
    contents = folder / "contents"
    contents.mkdir()
    variables = {
        "GIT_DIR": str(repository.git_dir),
        "GIT_WORK_TREE": str(contents),
        "GIT_INDEX_FILE": str(folder / "index"),
    }
    return contents, Git(contents, {**repository.git.settings, **SETTINGS}, variables)


def _write_tree(
    repository: Repository, top: Path, ignored: set[str], *, recorded: bool = False
) -> str:
    """Store a render as a tree; what lies outside the project is as in the last commit.

    With `recorded`, the answers file is the project's own, so that the merge takes the new one.
    """
    _, own = _own_index(repository)
    git = Git(top, own.settings, {**own.variables, "GIT_WORK_TREE": str(top)})
    if repository.prefix:
        git("read-tree", "HEAD")
        inside = git.paths("ls-files", "-z", "--", repository.prefix)
        git("update-index", "-z", "--force-remove", "--stdin", stdin=joined(inside))
    kept = [path for path in files(top) if path not in ignored]
    git("update-index", "-z", "--add", "--stdin", stdin=joined(kept))
    if recorded:
        answers = repository.prefix + repository.answers_file
        git("update-index", "-z", "--index-info", stdin=git("ls-tree", "-z", "HEAD", "--", answers))
    return git.text("write-tree")


def _tree(git: Git, name: str) -> Tree:
    """Read a tree: its files with their modes and contents."""
    lines = git.paths("ls-tree", "-r", "-z", "--full-tree", name)
    pairs = (line.split("\t", 1) for line in lines)
    return {path: Entry(about.split()[0], about.split()[2]) for about, path in pairs}


def _settle(git: Git, ours: Tree) -> tuple[Staged, ...]:
    """Read the index; a file that the person deleted stays deleted, whatever the template does."""
    index = _restored(git, _read_index(git), ours)
    deleted = [path for path, found in _stages(index).items() if set(found) == {1, 3}]
    if not deleted:
        return index
    git("update-index", "-z", "--force-remove", "--stdin", stdin=joined(deleted))
    for path in deleted:
        (git.folder / path).unlink(missing_ok=True)
    return tuple(line for line in index if line.path not in deleted)


def _restored(git: Git, index: tuple[Staged, ...], ours: Tree) -> tuple[Staged, ...]:
    """Put the project's side back into conflicts that have none although the project has the file.

    Some versions of git lose it where both sides moved a file to one name, and the person's changes
    made it too different to be followed.
    """
    found = _stages(index).items()
    lost = [path for path, sides in found if path in ours and not sides.keys() & {0, 2}]
    if not lost:
        return index
    lines = [f"{ours[path].mode} {ours[path].blob} 2\t{path}" for path in lost]
    git("update-index", "-z", "--index-info", stdin=joined(lines))
    return _read_index(git)


def _stages(index: Iterable[Staged]) -> dict[str, dict[int, Entry]]:
    """Give the lines of an index by path and stage."""
    stages: dict[str, dict[int, Entry]] = {}
    for line in index:
        stages.setdefault(line.path, {})[line.stage] = line.entry
    return stages


def _keep_both(
    repository: Repository, git: Git, index: Iterable[Staged], labels: dict[int, str]
) -> None:
    """Write the second of two files that came to one name beside the first.

    Where git cannot write both into one file (one is binary), it writes one alone; the other may
    hold a person's changes that were carried along a rename.
    """
    for path, found in _stages(index).items():
        if set(found) != {2, 3} or not (git.folder / path).is_file():
            continue
        here = git.text("hash-object", f"--path={path}", "--", path)
        lost = [stage for stage, entry in found.items() if entry.blob != here]
        if len(lost) == 1:
            target = _free_name(repository, git, f"{path}~{labels[lost[0]].replace('/', '_')}")
            _write(git, found[lost[0]], path, target)


def _free_name(repository: Repository, git: Git, wanted: str) -> str:
    """Give a name that neither the project nor the merge has a file of."""
    names = chain((wanted,), (f"{wanted}_{number}" for number in count()))
    tops = (repository.top, git.folder)
    return next(name for name in names if not any(os.path.lexists(top / name) for top in tops))


def _write(git: Git, entry: Entry, path: str, target: str) -> None:
    """Write a content as git would check it out at `path`."""
    content = git("cat-file", "--filters", f"--path={path}", entry.blob)
    (git.folder / target).write_bytes(content)
    if entry.mode == "100755":
        (git.folder / target).chmod(0o755)


def _read_index(git: Git) -> tuple[Staged, ...]:
    found = []
    for line in git.paths("ls-files", "-s", "-z"):
        about, path = line.split("\t", 1)
        mode, blob, stage = about.split()
        found.append(Staged(path, int(stage), Entry(mode, blob)))
    return tuple(found)


def _renames(git: Git) -> dict[str, str]:
    """Ask git which files of the last commit moved."""
    words = iter(split(git("diff-index", "--cached", "-M", "-z", "--name-status", "HEAD")))
    renamed = {}
    for status in words:
        path = next(words)
        if status.startswith(("R", "C")):
            target = next(words)
            if status.startswith("R"):
                renamed[path] = target
    return renamed


def written(merged: Merge) -> list[str]:
    """List the files that the merge wrote, relative to the repository's top."""
    return files(merged.contents)


def removed(merged: Merge) -> list[str]:
    """List the files of the last commit that are not in the result."""
    kept = {line.path for line in merged.index} | set(written(merged))
    return sorted(path for path in merged.ours if path not in kept)


def overlooked(merged: Merge) -> list[str]:
    """List the files to change of which git does not tell whether they were changed.

    (`git update-index --assume-unchanged` and `--skip-worktree`, sparse checkouts)
    """
    touched = {*written(merged), *removed(merged)}
    marked = (line.split(" ", 1) for line in merged.repository.git.paths("ls-files", "-v", "-z"))
    return sorted(path for mark, path in marked if path in touched and mark in {"h", "s", "S"})


def collisions(merged: Merge) -> list[str]:
    """List what stands where the merge would write, and is not in the last commit."""
    going = set(removed(merged))
    found = (
        _in_the_way(merged, path, going) for path in written(merged) if path not in merged.ours
    )
    return sorted({path for path in found if path})


def _in_the_way(merged: Merge, path: str, going: set[str]) -> str:
    """Name what stands at `path` or at one of its folders' places, other than what will go."""
    top = merged.repository.top
    parts = Path(path).parts
    for length in range(1, len(parts)):
        above = "/".join(parts[:length])
        if (top / above).is_symlink() or (top / above).is_file():
            return "" if above in going else above
    if not os.path.lexists(top / path):
        return ""
    if (top / path).is_dir() and not (top / path).is_symlink():
        inside: Sequence[str] = [f"{path}/{name}" for name in files(top / path)]
        return next((name for name in inside if name not in going), "")
    return "" if path in going else path
