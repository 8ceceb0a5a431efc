"""What a merge does, file by file, in the words that a person is told."""

from dataclasses import dataclass, field

from generator.merge.engine import Merge, removed, written


@dataclass
class FilePlan:
    """Paths relative to the project, by what happens to them.

    `changed` are as the template has them; `merged` hold the template's changes and the person's.
    `kept` are files that the template changes and that stay as the person left them. `ignored` are
    files of the template that the project ignores.
    """

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    merged: list[str] = field(default_factory=list)
    renamed: list[tuple[str, str]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    conflicting: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Tell whether nothing of the project changes."""
        lists = (
            self.added,
            self.changed,
            self.merged,
            self.renamed,
            self.deleted,
            self.conflicting,
        )
        return not any(lists)


def describe(merge: Merge) -> FilePlan:
    """Sort every file that the change concerns."""
    plan = FilePlan(conflicting=merge.conflicts)
    targets = {new: old for old, new in merge.renamed.items()}
    settled, conflicts = merge.settled, set(merge.conflicts)
    for path in written(merge):
        if path in conflicts or settled.get(path) == merge.ours.get(path):
            continue
        if path in targets:
            plan.renamed.append((targets[path], path))
        elif path not in merge.ours:
            plan.added.append(path)
        else:
            clean = settled.get(path) == merge.new.get(path)
            (plan.changed if clean else plan.merged).append(path)
    plan.deleted = [path for path in removed(merge) if path not in merge.renamed]
    plan.kept = _kept(merge, conflicts)
    plan.ignored = list(merge.ignored)
    return _inside(plan, len(merge.repository.prefix))


def _kept(merge: Merge, conflicts: set[str]) -> list[str]:
    """Find what the template changes (or would delete) and the person's version stands."""
    settled, old, new = merge.settled, merge.old, merge.new
    touched = (path for path in {*old, *new} if old.get(path) != new.get(path))
    return sorted(
        path
        for path in touched
        if path not in conflicts
        and settled.get(path) == merge.ours.get(path)
        and settled.get(path) != new.get(path)
        and path != merge.repository.prefix + merge.repository.answers_file
    )


def _inside(plan: FilePlan, cut: int) -> FilePlan:
    """Name the files from the project's folder on."""

    def short(paths: list[str]) -> list[str]:
        return sorted(path[cut:] for path in paths)

    return FilePlan(
        added=short(plan.added),
        changed=short(plan.changed),
        merged=short(plan.merged),
        renamed=sorted((old[cut:], new[cut:]) for old, new in plan.renamed),
        deleted=short(plan.deleted),
        kept=short(plan.kept),
        conflicting=short(plan.conflicting),
        ignored=short(plan.ignored),
    )
