"""Deployment files of every kind of project: the checkers of their formats find nothing."""

import json
from pathlib import Path

import pytest
from artefacts import NginxTree, Project, compose_command, nginx_command, run, tool
from checkers import compose_complaints, nginx_complaints, nginx_weaknesses


def test_dockerfile_is_clean(project: Project) -> None:
    done = run([tool("hadolint"), "--format", "json", "Dockerfile"], project.root)
    assert json.loads(done.stdout) == []
    assert done.returncode == 0


def test_compose_files_follow_the_schema(project: Project) -> None:
    done = run(
        [
            *(tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec"),
            *("compose.yaml", "compose.override.yaml"),
        ],
        project.root,
    )
    assert done.returncode == 0, done.stdout


def test_compose_accepts_both_stacks(project: Project) -> None:
    assert compose_complaints(compose_command(), project) == []


def test_workflows_follow_the_schema(project: Project) -> None:
    schema = "vendor.github-workflows"
    workflows = sorted(project.root.glob(".github/workflows/*.yml"))
    assert [path.name for path in workflows] == ["ci.yml", "update.yml"]
    done = run([tool("check-jsonschema"), "--builtin-schema", schema, *workflows], project.root)
    assert done.returncode == 0, done.stdout


def test_workflows_are_safe(project: Project) -> None:
    command = [tool("zizmor"), "--offline", "--format", "json", ".github/workflows"]
    done = run(command, project.root)
    assert json.loads(done.stdout) == []


def test_pipelines_follow_the_schema(pipelines: tuple[Project, Project]) -> None:
    _, project = pipelines
    assert not (project.root / ".github").exists()
    done = run(
        [
            *(tool("check-jsonschema"), "--builtin-schema", "vendor.gitlab-ci"),
            *("--data-transform", "gitlab-ci", ".gitlab-ci.yml"),
        ],
        project.root,
    )
    assert done.returncode == 0, done.stdout


def test_scripts_are_clean(project: Project) -> None:
    scripts = sorted(project.root.rglob("*.sh"))
    if not scripts:
        pytest.skip("this project has no scripts")
    done = run([tool("shellcheck"), "--severity", "style", *scripts], project.root)
    assert done.returncode == 0, done.stdout


def test_nginx_accepts_its_configuration(edge: Project, tmp_path: Path) -> None:
    nginx = nginx_command(edge.answers["nginx_version"])
    assert nginx_complaints(nginx, NginxTree(edge, tmp_path)) == []


def test_nginx_has_no_known_weakness(edge: Project, tmp_path: Path) -> None:
    assert nginx_weaknesses([NginxTree(edge, tmp_path, own_ports=True)]) == []
