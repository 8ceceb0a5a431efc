"""`fastgen new` without a terminal: what it writes, and what it refuses."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from command import ROOT, Fastgen, Inside, as_release

QUICK = ("--defaults", "--no-git", "--no-lock")


def tree(root: Path) -> dict[str, bytes]:
    """Every file below `root` with its content."""
    paths = (path for path in root.rglob("*") if path.is_file())
    found = {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}
    return {name: data for name, data in found.items() if not name.startswith(".git/")}


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the template as a git repository with a release tag."""
    root = tmp_path_factory.mktemp("template repository")
    shutil.copy(ROOT / "copier.yml", root)
    shutil.copytree(ROOT / "templates", root / "templates")
    return as_release(root, "v9.9.9")


@pytest.mark.slow
@pytest.mark.parametrize(
    "data",
    [
        {},
        {"db_driver": "none", "cache": "none", "deployment": "[]"},
        {"description": 'It\'s "fast" -- naïve \\ 日本 {{ x }} {% y %} ${Z} # ' + "long " * 20},
    ],
)
def test_plain_copier_gives_the_same_project(
    fastgen: Fastgen,
    repository: Path,
    tmp_path: Path,
    data: dict[str, str],
) -> None:
    pairs = [word for key, value in data.items() for word in ("-d", f"{key}={value}")]
    made = fastgen("new", "demo", *QUICK, "--template", str(repository), *pairs)
    assert made.returncode == 0, made.stderr
    plain = [sys.executable, "-m", "copier", "copy", "--defaults", "--quiet", "-d"]
    subprocess.run(
        [*plain, "project_name=demo", *pairs, str(repository), "plain"], cwd=tmp_path, check=True
    )
    recorded = yaml.safe_load((tmp_path / "demo/.copier-answers.yml").read_text())
    assert recorded["_commit"] == "v9.9.9"
    assert recorded["_src_path"] == str(repository)
    assert tree(tmp_path / "demo") == tree(tmp_path / "plain")


def test_a_checkout_is_rendered_as_it_stands(
    fastgen: Fastgen, repository: Path, tmp_path: Path
) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(repository, changed)
    (changed / "templates/not committed.txt").write_text("new")
    done = fastgen("new", "demo", *QUICK, "--template", str(changed))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "demo/not committed.txt").read_text() == "new"
    assert done.stderr.startswith("warning: the template in ")
    refused = fastgen("new", "other", *QUICK, "--template", str(changed), "-d", "cache=redsi")
    assert [line.partition(":")[0] for line in refused.stderr.splitlines()] == ["error", "hint"]


def test_json_tells_everything(inside: Inside, tmp_path: Path) -> None:
    done = inside("new", "demo", *QUICK, "--json", "--db-driver", "none")
    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert told["path"] == str(tmp_path / "demo")
    assert told["answers"]["db_driver"] == "none"
    assert told["files"] == sorted(tree(tmp_path / "demo"))
    assert told["git"]["status"] == told["lock"]["status"] == "skipped"
    assert set(told) >= {"plan", "next_steps", "warnings"}


def test_tree_and_next_steps(fastgen: Fastgen) -> None:
    done = fastgen("new", "demo", *QUICK)
    shown, _, following = done.stdout.partition("\nNext:\n")
    assert "demo/" in shown
    assert ".copier-answers.yml" in shown
    steps = following.splitlines()
    assert steps[0].startswith("  cd demo && ")
    assert len(steps) <= 5


def test_first_commit_holds_everything(fastgen: Fastgen, tmp_path: Path) -> None:
    done = fastgen("new", "demo", "--defaults", "--no-lock")
    assert done.returncode == 0, done.stderr
    git = ["git", "-C", str(tmp_path / "demo")]
    status = subprocess.run([*git, "status", "--porcelain"], capture_output=True, check=True)
    log = subprocess.run([*git, "log", "--format=%an"], capture_output=True, check=True)
    assert status.stdout == b""
    assert log.stdout == b"Ada\n"


def test_without_an_identity_the_commit_becomes_a_step_that_works(
    fastgen: Fastgen,
    tmp_path: Path,
    command_environment: dict[str, str],
) -> None:
    nobody = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    strict = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "user.useConfigOnly"}
    environment = {**nobody, **strict, "GIT_CONFIG_VALUE_0": "true", "USER": "ada"}
    done = fastgen("new", "demo", "--defaults", "--no-lock", "--json", **environment)
    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert told["git"]["status"] == "failed"
    assert "no git commit" in told["warnings"][0]
    step = told["next_steps"][0]
    assert told["git"]["retry"] in step
    retry = told["git"]["retry"]
    subprocess.run(
        ["sh", "-c", retry],
        cwd=tmp_path / "demo",
        env=command_environment | environment,
        check=True,
    )


def test_identity_from_the_answers(fastgen: Fastgen, tmp_path: Path) -> None:
    who = ("--author-name", "Grace", "--author-email", "grace@example.com")
    nobody = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    fastgen("new", "demo", "--defaults", "--no-lock", *who, **nobody)
    git = ["git", "-C", str(tmp_path / "demo"), "log", "--format=%an <%ae>"]
    log = subprocess.run(git, capture_output=True, text=True, check=True)
    assert log.stdout == "Grace <grace@example.com>\n"


def test_no_repository_inside_a_repository(fastgen: Fastgen, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    told = json.loads(fastgen("new", "demo", "--defaults", "--no-lock", "--json").stdout)
    assert told["git"] == {
        "status": "skipped",
        "reason": "inside a git repository already",
        "retry": "",
    }
    assert not (tmp_path / "demo/.git").exists()


def test_a_lock_that_fails_is_a_next_step(
    fastgen: Fastgen, repository: Path, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "uv").write_text("#!/bin/sh\necho 'error: no network' >&2\nexit 2\n")
    (tools / "uv").chmod(0o755)
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    # The working tree may have changes, of which another warning would tell.
    command = ("new", "demo", "--defaults", "--no-git", "--template", str(repository))
    done = fastgen(*command, PATH=path)
    assert done.returncode == 0
    assert done.stderr == "warning: no uv.lock: error: no network\n"
    assert "  cd demo && uv lock && uv sync\n" in done.stdout


def test_without_uv_and_git(fastgen: Fastgen, tmp_path: Path) -> None:
    done = fastgen("new", "demo", "--defaults", PATH=str(tmp_path / "nothing"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "demo/pyproject.toml").is_file()
    assert "uv " not in done.stdout.partition("Next:")[2]
    assert "git is not installed; the project can be updated once" in done.stderr


def test_dry_run_writes_nothing(inside: Inside, tmp_path: Path) -> None:
    done = inside("new", "demo", "--defaults", "--dry-run")
    assert done.returncode == 0
    assert "pyproject.toml" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_taken(fastgen: Fastgen, tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    assert fastgen("new", "demo", *QUICK).returncode == 0
    assert (tmp_path / "demo/pyproject.toml").is_file()


def test_output_folder(fastgen: Fastgen, tmp_path: Path) -> None:
    (tmp_path / "where it goes").mkdir()
    done = fastgen("new", "demo", *QUICK, "--output", "where it goes")
    assert "cd 'where it goes/demo' && " in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["where it goes"]


def occupied(tmp_path: Path, how: str) -> None:
    target = tmp_path / "demo"
    if how == "file":
        target.write_text("mine")
    elif how == "link":
        (tmp_path / "elsewhere").mkdir()
        target.symlink_to(tmp_path / "elsewhere")
    elif how == "dangling":
        target.symlink_to(tmp_path / "nowhere")
    else:
        target.mkdir()
        (target / ".hidden").write_text("mine")


@pytest.mark.parametrize("how", ["file", "link", "dangling", "folder"])
def test_a_target_that_is_there_is_refused(inside: Inside, tmp_path: Path, how: str) -> None:
    occupied(tmp_path, how)
    before = sorted(tmp_path.rglob("*"))
    done = inside("new", "demo", *QUICK)
    assert done.returncode == 2
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == ["error", "hint"]
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "name",
    [
        "../evil", "/evil", "a/b", "..", ".", "", " ", "~", "~root", "-x", "Demo", "a--b", "a-",
        "1a", "con", "a" * 51, "a b", "a\nb", "naïve", "日本", "a.b", "a_b", "$(id)", "a;b", "{{ 7 }}",
        "..\\evil", "c:evil", "a\x1b[31m",
    ],
)  # fmt: skip
def test_hostile_names_are_refused(inside: Inside, tmp_path: Path, name: str) -> None:
    done = inside("new", "--defaults", "--no-git", "--no-lock", "--", name)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) <= 2
    assert "\x1b" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-d", "cache=redsi"], "`cache` cannot be redsi"),
        (["-d", "cach=none"], "`cach` is no question"),
        (["-d", "plan={}"], "`plan` is computed"),
        (["--db-driver", "none", "--data-layer", "sqlalchemy"], "does not apply"),
        (["--cpus", "0"], "`cpus` cannot be 0"),
        (["--cpus", "two"], "takes a number"),
        (["--description", "a\nb"], "`description` cannot be"),
        (["--domain", "https://x"], "`domain` cannot be"),
        (["--author-email", "nobody"], "`author_email` cannot be"),
        (["--preset", "large"], "no such preset"),
        (["--output", "nowhere"], "does not exist"),
        (["--data-file", "nothing.yml"], "cannot read"),
    ],
)
def test_refusals_write_nothing(
    inside: Inside, tmp_path: Path, arguments: list[str], said: str
) -> None:
    done = inside("new", "demo", *QUICK, *arguments)
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[0]
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("preset", [[], ["--preset", "standard"]])
def test_without_a_terminal_a_missing_answer_names_its_flag(
    inside: Inside, preset: list[str]
) -> None:
    done = inside("new", "demo", *preset)
    assert done.returncode == 2
    assert "--description" in done.stderr
    assert "--defaults" in done.stderr


def test_a_wrong_answer_is_named_before_a_missing_one(inside: Inside) -> None:
    done = inside("new", "demo", "--db-driver", "asynpg")
    assert done.returncode == 2
    assert done.stderr.startswith("error: `db_driver` cannot be asynpg")
    assert "did you mean `asyncpg`?" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_parent_that_cannot_be_written(fastgen: Fastgen, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    done = fastgen("new", "demo", *QUICK, "--output", "locked")
    assert "cannot write" in done.stderr
