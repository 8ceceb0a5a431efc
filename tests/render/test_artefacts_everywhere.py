"""The checkers of deployment files, over every different file of all combinations."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from artefacts import NginxTree, Project, compose_command, nginx_command, run, tool
from checkers import (
    ENVIRONMENTS,
    built,
    checkov_findings,
    compose_complaints,
    configuration_complaints,
    exposed,
    kustomized,
    nginx_complaints,
    nginx_weaknesses,
    queries,
    query_complaints,
    rule_complaints,
    schema_complaints,
    unit_complaints,
    units,
    with_autoscaler,
    written,
)
from combinations import catalog, rendered, rendered_alone

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("rendered")]
NGINX = sorted(str(choice.value) for choice in catalog().questions["nginx_version"].choices)
SITE = ("deploy/nginx/", "deploy/systemd/nginx-site.conf", "deploy/systemd/upstream.conf")
OUTDATED = 'the "listen ... http2" directive is deprecated'
"""What a later nginx says of a site for 1.22, which knows no other way."""


def different(folder: Path, fits: str) -> list[Path]:
    """Write each different file whose path fits, below a folder of its own; their paths."""
    found: dict[tuple[str, bytes], Path] = {}
    for one in (*rendered(), *rendered_alone()):
        for path, content in one.files.items():
            if Path(path).match(fits) and (path, content) not in found:
                target = found[path, content] = folder / str(len(found)) / path
                target.parent.mkdir(parents=True)
                target.write_bytes(content)
    assert found
    return list(found.values())


def different_sets(folder: Path, *places: str) -> Mapping[str, Project]:
    """Write each different set of what a project has in these places: files that need each other.

    Each is a project that has nothing else, by the choices that made it.
    """
    seen, found = set[tuple[object, ...]](), dict[str, Project]()
    for one in (*rendered(), *rendered_alone()):
        files = tuple(item for item in one.files.items() if item[0].startswith(places))
        # What is checked with each version is to be checked with the one that it was made for.
        key = (files, one.answers.get("nginx_version"))
        if files and key not in seen:
            seen.add(key)
            root = folder / str(len(seen))
            found[one.name] = Project(root, one.answers)
            for path, content in files:
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_bytes(content)
    assert len(found) == len(seen) > 0
    return found


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


def test_compose_accepts_both_stacks(tmp_path: Path) -> None:
    compose = compose_command()
    for name, project in different_sets(tmp_path, "compose").items():
        assert compose_complaints(compose, project) == [], name


def test_workflows_are_safe(tmp_path: Path) -> None:
    workflows = different(tmp_path, ".github/workflows/*.yml")
    done = run([tool("zizmor"), "--offline", "--format", "json", *workflows], tmp_path)
    assert json.loads(done.stdout) == []


def trees(
    sites: Mapping[str, Project], folder: Path, *, own_ports: bool = False
) -> Iterator[tuple[str, NginxTree]]:
    """Lay out each site as the nginx of a container and as that of a machine, where it is for them."""
    for number, (name, project) in enumerate(sites.items()):
        found = {path.name: path for path in (project.root / "deploy").glob("*/nginx*.conf")}
        kinds = {"nginx.conf": False, "nginx-site.conf": True}
        assert found, name
        for main in found:
            root = folder / f"{number}-{main}"
            root.mkdir(parents=True)
            tree = NginxTree(project, root, own_ports=own_ports, on_machine=kinds[main])
            yield name, tree


@pytest.mark.parametrize("version", NGINX)
def test_nginx_accepts_its_files_and_those_of_older_ones(tmp_path: Path, version: str) -> None:
    nginx = nginx_command(version)
    sites = {
        name: project
        for name, project in different_sets(tmp_path, *SITE).items()
        if project.answers["nginx_version"] <= version
    }
    wrong = [
        f"{name}: {line}"
        for name, tree in trees(sites, tmp_path / "nginx")
        for line in nginx_complaints(nginx, tree)
        if not (OUTDATED in line and sites[name].answers["nginx_version"] == "1.22" != version)
    ]
    assert wrong == []


def test_sites_have_no_known_weakness(tmp_path: Path) -> None:
    sites = trees(different_sets(tmp_path, *SITE), tmp_path / "nginx", own_ports=True)
    assert nginx_weaknesses([tree for _, tree in sites]) == []


def test_units_are_understood_and_hardened(tmp_path: Path) -> None:
    wrong = []
    for number, (name, project) in enumerate(different_sets(tmp_path, "deploy/systemd/").items()):
        folder = tmp_path / f"units-{number}"
        folder.mkdir()
        if files := units(project, folder):
            wrong += [f"{name}: {line}" for line in (*unit_complaints(files), *exposed(files))]
    assert wrong == []


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build each overlay, that of production with the autoscaler too where there is one."""
    folder, manifests = tmp_path_factory.mktemp("overlays"), list[str]()
    for number, project in enumerate(different_sets(folder, "deploy/kubernetes/").values()):
        manifests += [built(project, environment) for environment in ENVIRONMENTS]
        if (project.root / "deploy" / "kubernetes" / "keda").exists():
            overlay = with_autoscaler(project, folder / f"keda-{number}")
            manifests.append(kustomized(overlay))
    return written(manifests, tmp_path_factory.mktemp("objects"))


def test_objects_follow_the_schemas(objects: Path) -> None:
    assert schema_complaints(objects) == []


def test_objects_have_no_known_weakness(objects: Path) -> None:
    assert checkov_findings(objects, "kubernetes") == []


def test_images_and_pipelines_have_no_known_weakness(tmp_path: Path) -> None:
    for fits in ("Dockerfile", ".github/workflows/*.yml", ".gitlab-ci.yml"):
        different(tmp_path / fits.strip(".*/").partition("/")[0], fits)
    assert checkov_findings(tmp_path, "dockerfile", "github_actions", "gitlab_ci") == []


def test_prometheus_accepts_the_files(tmp_path: Path) -> None:
    for name, project in different_sets(tmp_path, "deploy/prometheus/").items():
        assert configuration_complaints(project.root / "deploy" / "prometheus") == "", name


def test_rules_do_what_their_tests_say(tmp_path: Path) -> None:
    for name, project in different_sets(tmp_path, "deploy/prometheus/rules.").items():
        assert rule_complaints(project.root / "deploy" / "prometheus") == "", name


def test_prometheus_understands_what_dashboards_ask(tmp_path: Path) -> None:
    boards = different(tmp_path, "deploy/grafana/dashboards/*.json")
    asked = {query for path in boards for query in queries(json.loads(path.read_text("utf-8")))}
    assert query_complaints(sorted(asked), tmp_path) == ""
