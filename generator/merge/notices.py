"""What a change asks of the person beyond its files, told from the data of both renders.

Nothing here knows a feature: titles, servers, variables, migrations and steps are the features' own
data (`feature.yml`); dependencies and containers are read from the two renders.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from packaging.requirements import InvalidRequirement, Requirement

from generator.merge.engine import Merge, Tree

Data = Mapping[str, Any]


@dataclass(frozen=True)
class Notice:
    """One thing to know or to do: a sentence, and the same for programs."""

    kind: str
    text: str
    about: Data = field(default_factory=dict)


@dataclass(frozen=True)
class Side:
    """One of the two renders: its folder, and the data of the features that are on."""

    folder: Path
    features: tuple[Data, ...]

    def by_name(self, key: str) -> dict[str, Data]:
        """The features that have something to say under a key."""
        return {feature["name"]: feature for feature in self.features if feature.get(key)}

    def gathered(self, key: str) -> dict[str, Data]:
        """The named entries of all features under a key."""
        entries = (entry for feature in self.features for entry in feature.get(key, []))
        return {entry["name"]: entry for entry in entries}


def notices(was: Side, will: Side, merged: Merge) -> list[Notice]:
    """Tell what the change from one render to the other asks for, the news first."""
    return [
        *_titles(was, will),
        *_servers(was, will),
        *_variables(was, will),
        *_containers(was.folder, will.folder),
        *_dependencies(was.folder, will.folder),
        *_migrations(was, will, merged),
        *_steps(was, will),
    ]


def _titles(was: Side, will: Side) -> Iterator[Notice]:
    before, after = was.by_name("title"), will.by_name("title")
    for word, those, others in (("gone", before, after), ("new", after, before)):
        for name in _only(those, others):
            title = those[name]["title"]
            yield Notice("feature", f"{word}: {title}", {"change": word, "title": title})


def _servers(was: Side, will: Side) -> Iterator[Notice]:
    """Tell which servers must run that did not need to before, and which need not any more."""
    before, after = (
        list(dict.fromkeys(feature["needs"] for feature in side.by_name("needs").values()))
        for side in (was, will)
    )
    for name in _only(after, before):
        yield Notice("service", f"to start: {name}", {"change": "start", "name": name})
    for name in _only(before, after):
        text = f"no longer needed: {name}"
        yield Notice("service", text, {"change": "stop", "name": name})


def _variables(was: Side, will: Side) -> Iterator[Notice]:
    """Compare the environment variables that the features read."""
    before, after = was.gathered("environment"), will.gathered("environment")
    for name, entry in after.items():
        earlier = before.get(name)
        if earlier is None or (entry.get("required") and not earlier.get("required")):
            text = f"{'must' if entry.get('required') else 'can'} be set, for example"
            yield _variable("new" if earlier is None else "required", entry, text)
        elif _form(earlier) != _form(entry):
            yield _variable("changed", entry, "is written otherwise now, for example")
    for name in _only(before, after):
        yield _variable("gone", {"name": name}, "is no longer read")


def _variable(change: str, entry: Data, text: str) -> Notice:
    name, example = entry["name"], entry.get("example", "")
    about = {"change": change, "name": name, "required": bool(entry.get("required"))}
    return Notice(
        "environment",
        f"environment variable {name} {text} {example}".rstrip(),
        about | ({"example": example} if example else {}),
    )


def _form(entry: Data) -> str:
    """Give what tells one form of a URL from another: its scheme."""
    return str(entry.get("example", "")).partition("://")[0]


def _containers(was: Path, will: Path) -> Iterator[Notice]:
    """Compare the services and the secrets of Docker Compose, where both sides have it."""
    path = "compose.yaml"
    before, after = _yaml(was / path), _yaml(will / path)
    if before is None or after is None:
        return
    for key, word in (("services", "service"), ("secrets", "secret")):
        old, new = (side.get(key) or {} for side in (before, after))
        for change, names in (("new", _only(new, old)), ("gone", _only(old, new))):
            if names:
                listed, plural = ", ".join(names), "s" if len(names) > 1 else ""
                text = f"{path}: {change} {word}{plural} {listed}"
                yield Notice("container", text, {"change": change, key: names})


def _yaml(path: Path) -> Data | None:
    """Read a rendered YAML file; None where there is none, or no map in it."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    return found if isinstance(found, dict) else None


def _dependencies(was: Path, will: Path) -> Iterator[Notice]:
    """Compare the requirements of both renders' `pyproject.toml`."""
    before, after = _requirements(was), _requirements(will)
    moved = [name for name in after if name in before and before[name] != after[name]]
    changes = (("new", _only(after, before)), ("gone", _only(before, after)), ("changed", moved))
    for change, names in changes:
        if names:
            shown = names if change == "gone" else [after[name] for name in names]
            text = f"dependencies, {change}: {', '.join(shown)}"
            yield Notice("dependency", text, {"change": change, "names": names, "now": shown})


def _requirements(folder: Path) -> dict[str, str]:
    """Read every requirement of a rendered project by its name, Python itself included."""
    try:
        table = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}
    project = table.get("project", {})
    groups = (line for group in table.get("dependency-groups", {}).values() for line in group)
    python = f"python{project['requires-python']}" if "requires-python" in project else ""
    lines = [*project.get("dependencies", []), *groups, python]
    return {name: line for line in lines if (name := _distribution(line))}


def _distribution(line: object) -> str:
    try:
        return Requirement(str(line)).name
    except InvalidRequirement:
        return ""


def _migrations(was: Side, will: Side, merged: Merge) -> Iterator[Notice]:
    """Tell of migrations to run, to write and to put in order, and of data that stay behind."""
    before, after = _first(was, "migrations"), _first(will, "migrations")
    if known := before or after:
        yield from _migration_files(known, after, merged)
    if after:
        yield from _models(after, merged)
    left, used = _first(was, "keeps"), _first(will, "keeps")
    if left and used and left != used:
        text = f"the data in {left} stay there; {used} begins empty"
        apply = f": `{after['apply']}`" if after else ""
        about = {"change": "database", "from": left, "to": used}
        yield Notice("migration", text + apply, about)


def _first(side: Side, key: str) -> Any:  # noqa: ANN401 - a feature's data
    return next((feature[key] for feature in side.by_name(key).values()), None)


def _migration_files(known: Data, after: Data | None, merged: Merge) -> Iterator[Notice]:
    """Tell of files that the template adds to, changes in or takes from the folder of migrations."""
    old, new, ours = (
        _matching(tree, merged, known["files"]) for tree in (merged.old, merged.new, merged.ours)
    )
    own = _only(ours, old)
    if after is None or after["files"] != known["files"]:
        for path in own:
            text = f"{path} is yours and is no longer read: it has to be written anew"
            yield Notice("migration", text, {"change": "unread", "path": path})
        return
    for path in [path for path in _only(new, old) if ours.get(path) != new[path]]:
        order = f", in order with yours ({', '.join(own)})" if own else ""
        text = f"new migration {path}{order}: `{after['apply']}`"
        yield Notice("migration", text, {"change": "new", "path": path, "beside": own})
    for path in [path for path in new if path in old and old[path] != new[path]]:
        text = f"migration {path} changed: where it has run already, its change needs a new one"
        yield Notice("migration", text, {"change": "changed", "path": path})
    for path in [path for path in _only(old, new) if path in ours]:
        keep = f"`git restore --source=HEAD --staged --worktree -- {path}`"
        text = f"migration {path} is gone: keep it where it has run already: {keep}"
        yield Notice("migration", text, {"change": "gone", "path": path})


def _models(after: Data, merged: Merge) -> Iterator[Notice]:
    """Tell of a schema that changes without a migration of the template's."""
    if "models" not in after:
        return
    old, new, ours = (
        _matching(tree, merged, after["models"]) for tree in (merged.old, merged.new, merged.ours)
    )
    files = (_matching(tree, merged, after["files"]) for tree in (merged.old, merged.new))
    changed = [path for path in {**old, **new} if old.get(path) != new.get(path)]
    touched = sorted(path for path in changed if ours.get(path) != new.get(path))
    if touched and not _only(*reversed([*files])):
        text = f"perhaps a migration to write, for {', '.join(touched)}: `{after['write']}`"
        yield Notice("migration", text, {"change": "write", "paths": touched})


def _matching(tree: Tree, merged: Merge, pattern: str) -> dict[str, Any]:
    """Give the files of the project that match a pattern, by their path in it."""
    prefix = merged.repository.prefix
    inside = {p.removeprefix(prefix): e for p, e in tree.items() if p.startswith(prefix)}
    parts = len(PurePosixPath(pattern).parts)
    return {
        path: entry
        for path, entry in inside.items()
        if PurePosixPath(path).match(pattern) and len(PurePosixPath(path).parts) == parts
    }


def _steps(was: Side, will: Side) -> Iterator[Notice]:
    """Tell the first steps of what is new."""
    before = was.by_name("next_steps")
    for name, feature in will.by_name("next_steps").items():
        done = before.get(name, {}).get("next_steps", [])
        for step in _only(feature["next_steps"], done):
            yield Notice("step", f"run: {step}", {"command": step})


def _only(these: Iterable[str], others: Iterable[str]) -> list[str]:
    """Give what is in the first alone, in its order."""
    known = set(others)
    return [name for name in these if name not in known]
