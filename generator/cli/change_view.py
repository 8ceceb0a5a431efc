"""Showing a change of a project, asking whether to go on, and telling how it ended."""

import shlex
from pathlib import Path

import typer

from generator import console
from generator.answers import display
from generator.cli.steps import here, reinstall
from generator.errors import ExitCode
from generator.merge.apply import apply
from generator.merge.change import Change
from generator.merge.plan import FilePlan


def carry_out(change: Change, project: Path, *, dry_run: bool, json: bool, yes: bool) -> None:
    """Show the plan, apply it, and end with the exit code that says how it went."""
    if not json:
        show(change)
    nothing = change.files.empty
    ask = not (dry_run or json or yes or nothing) and console.is_interactive()
    if ask and not _agreed():
        console.message("nothing changed")
        raise typer.Exit(1)
    if not dry_run and not nothing:
        apply(change.merge)
    _tell(change, project, dry_run=dry_run, json=json)
    if change.files.conflicting and not dry_run:
        raise typer.Exit(ExitCode.CONFLICTS)


def _agreed() -> bool:
    from generator.interview import confirm

    return confirm("Apply these changes?")


def show(change: Change) -> None:
    """Print the answers that change, the files by what happens to them, and the notices."""
    versions = dict.fromkeys(str(template.commit) for template in (change.old, change.new))
    console.line("template " + " -> ".join(versions))
    for key, (was, now) in change.answers.items():
        console.line(f"  {key}: {_shown(was)} -> {_shown(now)}{_new(change, key)}")
    for title, names in file_lists(change.files).items():
        console.line(f"{title}:")
        for name in names:
            console.line(f"  {name}")
    for notice in change.notices:
        console.line(here(notice.text))


def _new(change: Change, key: str) -> str:
    """Mark a question that the old template did not ask."""
    is_default = key in change.after and change.after[key].is_default
    return " (new question, its default)" if key not in change.before and is_default else ""


def _shown(value: object) -> str:
    return "-" if value is None else display(value)


def file_lists(files: FilePlan) -> dict[str, list[str]]:
    """Give the lists that are not empty, by their title."""
    lists = {
        "added": files.added,
        "changed": files.changed,
        "merged with your changes": files.merged,
        "renamed": [f"{old} -> {new}" for old, new in files.renamed],
        "deleted": files.deleted,
        "kept because you changed it": files.kept,
        "ignored by your project": files.ignored,
        "in conflict": files.conflicting,
    }
    return {title: names for title, names in lists.items() if names}


def undo_line(change: Change) -> str:
    """Give the command that takes the change back (tracked files were as committed)."""
    prefix = change.merge.repository.prefix
    return (
        f"git restore --source=HEAD --staged --worktree -- {shlex.quote(prefix)}"
        if prefix
        else "git reset --hard"
    )


def _following(change: Change) -> list[str]:
    """Give the commands that come next."""
    settle = ["settle the conflicts, then `git add` each file"] if change.files.conflicting else []
    needs_install = any(notice.kind == "dependency" for notice in change.notices)
    is_locked = (change.merge.repository.folder / "uv.lock").is_file()
    install = [reinstall(is_locked=is_locked)] if needs_install else []
    return [*settle, *install, "git diff HEAD", "git commit"]


def _tell(change: Change, project: Path, *, dry_run: bool, json: bool) -> None:
    files = change.files
    status = "unchanged" if files.empty else "conflicts" if files.conflicting else "changed"
    following = [] if files.empty else _following(change)
    if json:
        document = {
            "project": str(project),
            "status": status,
            "dry_run": dry_run,
            "from": change.old.commit,
            "to": change.new.commit,
            "answers": {k: {"from": was, "to": now} for k, (was, now) in change.answers.items()},
            "files": console.plain(files),
            "notices": [here(notice.text) for notice in change.notices],
            "consequences": [{"kind": one.kind, **one.about} for one in change.notices],
            "next_steps": following,
            "undo": undo_line(change),
        }
        console.document(document)
    elif files.empty:
        console.message("nothing to change")
    elif dry_run:
        console.message("dry run: nothing written")
    else:
        _next(change, following)


def _next(change: Change, following: list[str]) -> None:
    if change.files.conflicting:
        count = len(change.files.conflicting)
        console.warning(f"{count} file(s) in conflict: " + ", ".join(change.files.conflicting))
    console.line("\nNext:")
    for step in following:
        console.line(f"  {step}")
    console.message(f"undo everything: {undo_line(change)}")
