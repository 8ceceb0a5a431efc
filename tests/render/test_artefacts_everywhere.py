"""The checkers of deployment files, over every different file of all combinations."""

import json
from pathlib import Path

import pytest
from artefacts import run, tool
from combinations import rendered

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("rendered")]


def different(folder: Path, fits: str) -> list[Path]:
    """Write each different file whose path fits, below a folder of its own; their paths."""
    found: dict[tuple[str, bytes], Path] = {}
    for one in rendered():
        for path, content in one.files.items():
            if Path(path).match(fits) and (path, content) not in found:
                target = found[path, content] = folder / str(len(found)) / path
                target.parent.mkdir(parents=True)
                target.write_bytes(content)
    assert found
    return list(found.values())


def test_dockerfiles_are_clean(tmp_path: Path) -> None:
    done = run([tool("hadolint"), "--format", "json", *different(tmp_path, "Dockerfile")], tmp_path)
    assert json.loads(done.stdout) == []
    assert done.returncode == 0


def test_scripts_are_clean(tmp_path: Path) -> None:
    scripts = different(tmp_path, "*.sh")
    done = run([tool("shellcheck"), "--severity", "style", *scripts], tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("fits", "schema", "options"),
    [
        ("compose*.yaml", "vendor.compose-spec", ()),
        (".github/workflows/*.yml", "vendor.github-workflows", ()),
        (".gitlab-ci.yml", "vendor.gitlab-ci", ("--data-transform", "gitlab-ci")),
    ],
)
def test_documents_follow_their_schemas(
    tmp_path: Path, fits: str, schema: str, options: tuple[str, ...]
) -> None:
    command = [tool("check-jsonschema"), "--builtin-schema", schema, *options]
    done = run([*command, *different(tmp_path, fits)], tmp_path)
    assert done.returncode == 0, done.stdout


def test_workflows_are_safe(tmp_path: Path) -> None:
    workflows = different(tmp_path, ".github/workflows/*.yml")
    done = run([tool("zizmor"), "--offline", "--format", "json", *workflows], tmp_path)
    assert json.loads(done.stdout) == []
