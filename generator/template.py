"""Where the template comes from: a plain tree, and the URL and commit that stand for it.

Rendering always reads a plain tree (no clone, no git needed). The answers file records the
public URL and the release tag, so that plain `copier update` works for everybody. Other
versions are taken out of git: the bundle in the wheel, the checkout, or a clone of another URL.
"""

import io
import re
import tarfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from packaging.version import InvalidVersion, Version

from generator import __version__
from generator.errors import ExitCode, FastgenError
from generator.git import Git, GitError
from generator.scratch import scratch

TEMPLATE_URL = "https://github.com/fastgen-fastapi/fastgen.git"
DISTRIBUTION = "fastgen-fastapi"
INSIDE = Path(__file__).parent
BUNDLE, TREE, COMMIT = "_template.bundle", "_template", "_template.commit"
"""What the build puts beside this module: the history, the plain tree, and its commit's name."""
PARTS = ("copier.yml", "templates")
"""What a render of our own template reads."""


@dataclass(frozen=True)
class Template:
    """One version of the template.

    `root` holds `copier.yml` and `templates/`; `url` and `commit` are what the answers file
    records (`commit` is None where it cannot be known: such a project cannot be updated).
    """

    root: Path
    url: str
    commit: str | None


def packaged_root() -> Path:
    """Find the template tree of this installation: inside the wheel, or the checkout's own."""
    inside = INSIDE / TREE
    return inside if inside.is_dir() else INSIDE.parent


def find_template(url: str | None = None, commit: str | None = None) -> Template:
    """Find the newest template of this installation or at `url`, or its version `commit`.

    `url` is a folder, or whatever git can clone. Of a folder the files as they are count as the
    newest version; of a repository elsewhere the highest release does.
    """
    recorded = url or TEMPLATE_URL
    if is_ours(recorded):
        newest = Template(packaged_root(), recorded, _packaged_commit())
    elif _is_folder(recorded):
        root = Path(recorded).expanduser().resolve()
        newest = Template(root, str(root), _described(root))
    else:
        history = _cloned(recorded)
        highest = _highest_release(history)
        wanted = commit or highest
        return Template(_tree(history, wanted, highest), recorded, wanted)
    if commit is None or commit == newest.commit:
        return newest
    return Template(_tree(_history(newest), commit, newest.commit), newest.url, commit)


def is_ours(url: str) -> bool:
    """Tell whether a recorded URL means this package's template, in any of its spellings."""
    return _normal(url) == _normal(TEMPLATE_URL)


def same_template(first: str, second: str) -> bool:
    """Tell whether two spellings mean one template."""
    return _normal(first) == _normal(second)


def version_of(commit: str | None) -> Version | None:
    """Read the version that a tag, or `git describe`, tells; None when it tells none."""
    text = re.sub(r"-(\d+)-g[0-9a-f]+$", r".post\1", commit or "")
    try:
        return Version(text) if "." in text else None  # the name of a commit can be all digits
    except InvalidVersion:
        return None


def is_newer(template: Template, commit: str) -> bool:
    """Tell whether the version `commit` comes after `template`."""
    ours, theirs = version_of(template.commit), version_of(commit)
    return bool(ours and theirs and theirs > ours)


def _normal(url: str) -> str:
    """Bring `gh:a/b`, `git@github.com:a/b.git` and `https://github.com/a/b` together."""
    text = url.strip().removeprefix("git+")
    text = re.sub(r"^gh:/*", "https://github.com/", text)
    text = re.sub(r"^(ssh://)?git@([^:/]+)[:/]", r"https://\2/", text)
    text = re.sub(r"^(https?|git)://", "", text)
    is_path = text == url.strip()
    return text if is_path else text.rstrip("/").removesuffix(".git").lower()


def _is_folder(url: str) -> bool:
    folder = Path(url).expanduser()
    if (folder / "copier.yml").is_file():
        return True
    if folder.is_dir() and not (folder / "HEAD").is_file():
        raise FastgenError(f"no template at {url}", "give a folder that holds `copier.yml`")
    return False


def _packaged_commit() -> str | None:
    """Name the version of this installation: the wheel says it, or the checkout's git does."""
    if packaged_root() == INSIDE.parent:
        return _described(INSIDE.parent)
    written = INSIDE / COMMIT
    return written.read_text(encoding="utf-8").strip() if written.is_file() else None


def _described(root: Path) -> str | None:
    """Name the commit of a checkout; None for a folder without git."""
    if not (root / ".git").exists():
        return None
    try:
        return Git(root).text("describe", "--tags", "--always") or None
    except GitError:
        return None


def is_edited(template: Template) -> bool:
    """Tell whether the files are those of a checkout, and not as committed."""
    if template.commit is None or not (template.root / ".git").exists():
        return False
    parts = PARTS if is_ours(template.url) else (".",)
    try:
        return bool(Git(template.root).text("status", "--porcelain", "--", *parts))
    except GitError:
        return False


def _history(template: Template) -> Git:
    """Give the repository that holds the other versions of a template that lies here."""
    if (INSIDE / BUNDLE).is_file() and template.root == INSIDE / TREE:
        return _cloned(str(INSIDE / BUNDLE))
    if not (template.root / ".git").exists():
        raise FastgenError(
            f"the template at {template.root} has no history, so no earlier version of it",
            "give a git repository with `--template`",
            ExitCode.STATE,
        )
    return Git(template.root)


@cache
def _cloned(url: str) -> Git:
    """Clone a repository or a bundle, once in a run."""
    folder = scratch("history")
    where = f"https://github.com/{url[3:].lstrip('/')}" if url.startswith("gh:") else url
    try:
        Git(folder)("clone", "--quiet", "--bare", "--", where.removeprefix("git+"), ".")
    except GitError as error:
        raise FastgenError(
            f"cannot get the template from {url}: {error.message.partition(': ')[2]}",
            "is the URL right, and is there a network?",
            ExitCode.STATE,
        ) from error
    return Git(folder)


def _highest_release(history: Git) -> str:
    """Name the highest version among the tags; without one, the newest commit."""
    tags = history.text("tag", "--list").splitlines()
    released = [(version, tag) for tag in tags if (version := version_of(tag))]
    final = [pair for pair in released if not pair[0].is_prerelease]
    if final or released:
        return max(final or released)[1]
    return history.text("describe", "--tags", "--always")


def _tree(history: Git, commit: str, newest: str | None) -> Path:
    """Write the files of one version to a folder of this run."""
    if not re.fullmatch(r"\w[\w.+/-]*", commit):
        raise unknown(commit, newest)
    done = history.run("archive", "--format=tar", f"{commit}^{{commit}}")
    if done.returncode:
        raise unknown(commit, newest)
    folder = scratch("template")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    if not (folder / "copier.yml").is_file():
        raise FastgenError(f"version {commit} holds no template", exit_code=ExitCode.STATE)
    return folder


def unknown(commit: str, newest: str | None = None) -> FastgenError:
    """Say that a version is not among those that this installation knows."""
    version, known = version_of(commit), version_of(newest) or version_of(__version__)
    if version and known and version > known:
        return FastgenError(
            f"the project was made with {commit}, and the template of this fastgen is {known}",
            f"upgrade it: `uv tool upgrade {DISTRIBUTION}`",
            ExitCode.STATE,
        )
    return FastgenError(
        f"the template has no version {commit}",
        "`_commit` in the answers file must name a release of the template",
        ExitCode.STATE,
    )
