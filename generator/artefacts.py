"""Deployment files for a project that exists: which ones, rendered, compared, written."""

import difflib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from generator import project
from generator.answers import PROJECT, Given
from generator.errors import ExitCode, FastgenError
from generator.template import Template

ANSWERS_FILE = ".fastgen-deploy.yml"
"""The answers behind the deployment files of a project that fastgen did not make."""
FILES: Mapping[str, tuple[str, ...]] = {
    "dockerfile": ("Dockerfile", ".dockerignore"),
    "compose": ("compose.yaml", "compose.override.yaml", "deploy/secrets", "deploy/certificates"),
    "nginx": ("deploy/nginx",),
    "systemd": ("deploy/systemd",),
    "kubernetes": ("deploy/kubernetes",),
    "cloudrun": ("deploy/cloudrun",),
    "fly": ("fly.toml", "deploy/fly"),
    "ecs": ("deploy/ecs",),
    "render": ("render.yaml", "deploy/render"),
    "railway": ("railway.json", "deploy/railway"),
    "azure": ("deploy/azure",),
    "gunicorn": ("gunicorn.conf.py",),
    "loadtest": ("loadtest",),
}
"""Artefact -> its files and folders."""
OTHER_COMPOSE_FILES = ("compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""What Docker takes where there is no `compose.yaml`."""
PLATFORMS = ("cloudrun", "fly", "ecs", "render", "railway", "azure")
"""Artefacts of managed platforms."""
IN_CONTAINERS = ("compose", "kubernetes", *PLATFORMS)
"""Deployments that run the image."""
NEEDS: Mapping[str, tuple[str, ...]] = {
    "compose": ("dockerfile", "nginx"),
    "systemd": ("nginx",),
    **dict.fromkeys(("kubernetes", *PLATFORMS), ("dockerfile",)),
}
"""Artefact -> others that it refers to in a project of fastgen's own."""


@dataclass(frozen=True)
class Change:
    """One rendered file beside what is there: `new`, `same` or `differs`."""

    path: str
    status: str
    content: bytes
    before: bytes = b""

    @property
    def text(self) -> str:
        """The rendered text."""
        return self.content.decode()

    def diff(self) -> str:
        """Give the difference in unified form, from what is there to what was rendered."""
        old, new = (data.decode("utf-8", "replace") for data in (self.before, self.content))
        lines = difflib.unified_diff(
            old.splitlines(keepends=True),
            new.splitlines(keepends=True),
            self.path,
            f"{self.path} (generated)",
        )
        return "".join(line if line.endswith("\n") else line + "\n" for line in lines)


def with_edge(wanted: Iterable[str]) -> list[str]:
    """Add the proxy's files, which Compose and systemd refer to."""
    names = list(wanted)
    return [*names, "nginx"] if {"compose", "systemd"} & set(names) else names


def belongs(path: str, wanted: Iterable[str]) -> bool:
    """Tell whether a rendered file is part of the wanted artefacts."""
    places = (place for name in wanted for place in FILES[name])
    return any(path == place or path.startswith((f"{place}/", f"{place}.")) for place in places)


def check_names(names: Iterable[str]) -> list[str]:
    """Refuse what is no artefact; give each once, in the order of `FILES`."""
    wanted = set(names)
    if unknown := sorted(wanted - set(FILES)):
        close = difflib.get_close_matches(unknown[0], FILES, n=1)
        guess = f"did you mean `{close[0]}`? " if close else ""
        raise FastgenError(f"`{unknown[0]}` is no artefact", f"{guess}choices: {', '.join(FILES)}")
    return [name for name in FILES if name in wanted]


def in_use(root: Path, wanted: Iterable[str]) -> Iterator[str]:
    """Tell of a Compose file that Docker would pass over once there is a `compose.yaml`."""
    if "compose" in wanted:
        for name in OTHER_COMPOSE_FILES:
            if (root / name).is_file():
                yield f"`docker compose` takes compose.yaml before {name}: name yours by `--file`"
                return


def is_own(root: Path) -> bool:
    """Tell whether fastgen made the project."""
    return (root / project.ANSWERS_FILE).is_file()


def recorded(root: Path, name: str) -> dict[str, Given]:
    """Read the answers that an earlier run left in the project."""
    path = root / name
    if not path.is_file():
        return {}
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FastgenError(
            f"cannot read `{path}`: {' '.join(str(error).split())}", exit_code=ExitCode.STATE
        ) from error
    if not isinstance(data, dict):
        raise FastgenError(f"`{path}` holds no answers", exit_code=ExitCode.STATE)
    known = {key: value for key, value in data.items() if not str(key).startswith("_")}
    return {key: Given(value, PROJECT) for key, value in known.items()}


def rendered(
    template: Template, answers: Mapping[str, Any], wanted: Iterable[str], *, own: bool
) -> dict[str, bytes]:
    """Render the project out of sight; give the files of the wanted artefacts by path."""
    names = list(wanted)
    with tempfile.TemporaryDirectory(prefix="fastgen-") as folder:
        root = Path(folder, "project")
        name = project.ANSWERS_FILE if own else ANSWERS_FILE
        project.render(template, root, answers, name)
        return {
            path: (root / path).read_bytes()
            for path in project.files(root)
            if belongs(path, names) or path == ANSWERS_FILE
        }


def compare(root: Path, files: Mapping[str, bytes]) -> Iterator[Change]:
    """Compare rendered files with those of the project."""
    for path, content in files.items():
        target = root / path
        if not target.exists() and not target.is_symlink():
            yield Change(path, "new", content)
            continue
        if target.exists() and not target.is_file():
            raise FastgenError(f"`{target}` is in the way: it is no file", "move it away")
        # A link is never written through: what it leads to may belong to somebody else.
        before = target.read_bytes() if target.exists() else b""
        same = before == content and not target.is_symlink()
        yield Change(path, "same" if same else "differs", content, before)


def write(root: Path, changes: Iterable[Change]) -> None:
    """Write new and differing files, each in one step."""
    for change in changes:
        if change.status == "same":
            continue
        target = root / change.path
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.fastgen-{os.getpid()}")
        try:
            temporary.write_bytes(change.content)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
