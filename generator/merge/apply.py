"""Applying a merge to the project so that a kill at any moment can be undone.

Everything is prepared in a folder inside the git directory; renaming that folder to `JOURNAL`
is the decision to go on, removing it the end. What lies between takes milliseconds and is done in
a process of its own, which goes on when fastgen is killed. If that is killed too, or the machine
stops, the next run finds the journal, puts the files that it names back to the last commit (they
were clean, see `check_clean`) and starts afresh.
"""

import errno
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import TypedDict

from generator.errors import ExitCode, FastgenError
from generator.git import Git, joined
from generator.merge.apart import apart, cannot_write, uninterrupted
from generator.merge.engine import Merge, removed, written
from generator.merge.state import Repository
from generator.scratch import new_folder, remove_leftovers

JOURNAL = "fastgen-journal"
PREPARED = "fastgen-prepared-"


class Record(TypedDict):
    """What the journal says: the last commit, git's names of contents before, digests after."""

    head: str
    before: dict[str, str]
    after: dict[str, str]
    indexed: list[str]


def apply(merged: Merge) -> None:
    """Bring the result into the work tree and the index; the last commit stays as it is."""
    try:
        prepared = _prepare(merged)
    except OSError as error:
        raise cannot_write(error) from error
    with uninterrupted():
        failure = apart(lambda: _carry_out(merged, prepared))
        if failure:
            recover(merged.repository)
            raise failure


def _carry_out(merged: Merge, prepared: Path) -> None:
    """Change the project: renames only, so that it takes milliseconds."""
    repository = merged.repository
    prepared.rename(repository.git_dir / JOURNAL)
    _take_index(repository)
    for path in removed(merged):
        _delete(repository.top, path)
    for path in written(merged):
        _replace(repository.git_dir / JOURNAL / "contents" / path, repository.top / path)
    (repository.git_dir / "index.lock").replace(repository.git_dir / "index")
    _forget(repository)


def recover(repository: Repository) -> bool:
    """Undo what a killed run left half done; tell whether there was anything."""
    remove_leftovers(repository.git_dir, PREPARED)
    journal = repository.git_dir / JOURNAL
    if not journal.is_dir():
        return False
    with uninterrupted():
        record: Record = json.loads((journal / "record.json").read_text(encoding="utf-8"))
        _drop_our_lock(repository)
        if repository.git.text("rev-parse", "HEAD") == record["head"]:
            _put_back(repository, record)
        _forget(repository)
    return True


def _prepare(merged: Merge) -> Path:
    """Write the contents, the new index and what is needed to go back, beside the journal."""
    git_dir = merged.repository.git_dir
    prepared = new_folder(git_dir, PREPARED)
    shutil.copytree(merged.contents, prepared / "contents", symlinks=True)
    _write_index(merged, prepared / "index")
    indexed = sorted(_index_changes(merged))
    touched = {*removed(merged), *written(merged), *indexed}
    record: Record = {
        "head": merged.head,
        "before": {path: merged.ours[path].blob for path in touched if path in merged.ours},
        "after": _contents_after(merged, prepared / "contents"),
        "indexed": indexed,
    }
    (prepared / "record.json").write_text(json.dumps(record), encoding="utf-8")
    return prepared


def _contents_after(merged: Merge, contents: Path) -> dict[str, str]:
    """Give a digest of each file as it will lie in the work tree."""
    return {path: _digest(contents / path) for path in written(merged)}


def _digest(path: Path) -> str:
    if path.is_symlink():
        return f"link to {path.readlink()}"
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _index_changes(merged: Merge) -> dict[str, list[str]]:
    """Give the new index lines of each path whose lines change."""
    lines: dict[str, list[str]] = {}
    for path, stage, entry in merged.index:
        lines.setdefault(path, []).append(f"{entry.mode} {entry.blob} {stage}\t{path}")
    before = {path: [f"{e.mode} {e.blob} 0\t{path}"] for path, e in merged.ours.items()}
    gone: dict[str, list[str]] = {path: [] for path in before if path not in lines}
    return gone | {path: new for path, new in lines.items() if new != before.get(path)}


def _write_index(merged: Merge, target: Path) -> None:
    """Change the lines of the files concerned in a copy of the project's index."""
    shutil.copyfile(merged.repository.git_dir / "index", target)
    zero = "0" * len(merged.head)
    fed = []
    for path, lines in _index_changes(merged).items():
        fed += [f"0 {zero}\t{path}", *lines]
    own = {"GIT_INDEX_FILE": str(target)}
    git = Git(merged.repository.top, merged.repository.git.settings, own)
    git("update-index", "-z", "--index-info", stdin=joined(fed))


def _delete(top: Path, path: str) -> None:
    """Remove a file, and the folders that are empty without it."""
    (top / path).unlink(missing_ok=True)
    for parent in Path(path).parents:
        try:
            if parent != Path():
                (top / parent).rmdir()
        except OSError:
            return


def _replace(source: Path, target: Path) -> None:
    """Put a file in place in one step; it is old or new, never half."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir() and not target.is_symlink():
        target.rmdir()  # an empty folder: `collisions` refused any other
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:  # the git directory may lie on another file system
            raise
        shutil.copy2(source, _beside(target), follow_symlinks=False)
        _beside(target).replace(target)


def _beside(target: Path) -> Path:
    """Name the file that takes a target's new content before it takes the target's place."""
    return target.parent / f".{target.name}.fastgen"


def _take_index(repository: Repository) -> None:
    """Write the new index as git's lock of the old one, so that no other git changes it."""
    journal, lock = repository.git_dir / JOURNAL, repository.git_dir / "index.lock"
    try:
        with lock.open("xb") as stream:
            stream.write((journal / "index").read_bytes())
    except FileExistsError as error:
        _forget(repository)
        hint = "another git command is at work here; end it and run this again"
        raise FastgenError(f"`{lock}` exists", hint, ExitCode.STATE) from error


def _drop_our_lock(repository: Repository) -> None:
    """Remove the index lock of a killed run, and only that."""
    lock = repository.git_dir / "index.lock"
    planned = (repository.git_dir / JOURNAL / "index").read_bytes()
    if lock.exists() and planned.startswith(lock.read_bytes()):
        lock.unlink()


def _forget(repository: Repository) -> None:
    """Remove the journal in one step; what a kill leaves of it is removed by the next run."""
    ended = new_folder(repository.git_dir, PREPARED)
    (repository.git_dir / JOURNAL).rename(ended / JOURNAL)
    shutil.rmtree(ended, ignore_errors=True)


def _put_back(repository: Repository, record: Record) -> None:
    """Restore the files of the last commit, unless the person has changed one since."""
    top = repository.top
    changed = [path for path in _touched(record) if _is_foreign(repository, record, path)]
    if changed:
        raise FastgenError(
            f"a run was killed half-way, and since then `{changed[0]}` was changed",
            "look at `git diff`; commit, or undo with `git reset --hard`, and run this again",
            ExitCode.STATE,
        )
    for path in record["after"]:
        _beside(top / path).unlink(missing_ok=True)
    git = Git(top, repository.git.settings, {"GIT_LITERAL_PATHSPECS": "1"})
    created = [path for path in _touched(record) if path not in record["before"]]
    for path in created:
        _delete(top, path)
    git("update-index", "-z", "--force-remove", "--stdin", stdin=joined(created))
    kept = joined(list(record["before"]))
    if kept:
        source = ["--source=HEAD", "--staged", "--worktree"]
        named = ["--pathspec-from-file=-", "--pathspec-file-nul"]
        git("restore", *source, *named, stdin=kept)


def _touched(record: Record) -> list[str]:
    return sorted({*record["before"], *record["after"], *record["indexed"]})


def _is_foreign(repository: Repository, record: Record, path: str) -> bool:
    """Tell whether a file is neither as before the killed run nor as it would have been after."""
    target = repository.top / path
    if not target.is_file() and not target.is_symlink():
        return False
    if _digest(target) == record["after"].get(path):
        return False
    return _blob(repository.git, path) != record["before"].get(path)


def _blob(git: Git, path: str) -> str:
    """Name a file's content as git would record it."""
    target = git.folder / path
    if target.is_symlink():
        named = git("hash-object", "--stdin", stdin=os.fsencode(target.readlink()))
        return named.decode().strip()
    return git.text("hash-object", "--", path)
