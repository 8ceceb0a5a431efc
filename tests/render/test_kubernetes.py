"""Kubernetes manifests: built by Kustomize, checked against the API's schemas, equal to the plan."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from artefacts import Project, render
from checkers import ENVIRONMENTS, built, kustomized, schema_complaints, with_autoscaler, written


@pytest.fixture(params=ENVIRONMENTS)
def environment(request: pytest.FixtureRequest) -> str:
    """Each environment that has an overlay."""
    name: str = request.param
    return name


def objects(project: Project, environment: str) -> dict[str, Any]:
    """Build an overlay; its objects by kind."""
    found = list(yaml.safe_load_all(built(project, environment)))
    others = ("-worker", "-scheduler")
    return {
        one["kind"]: one
        for one in found
        if not one["metadata"]["name"].endswith(others)
        and "-pgbouncer" not in one["metadata"]["name"]
    }


def container(project: Project, environment: str) -> Any:  # noqa: ANN401 - a parsed object
    pod = objects(project, environment)["Deployment"]["spec"]["template"]["spec"]
    return pod["containers"][0]


def test_objects_follow_the_schemas(cluster: Project, environment: str, tmp_path: Path) -> None:
    assert schema_complaints(written([built(cluster, environment)], tmp_path)) == []


def test_route_has_the_form_of_the_gateway_api(cluster: Project, environment: str) -> None:
    route = objects(cluster, environment)["HTTPRoute"]
    assert set(route["spec"]) == {"parentRefs", "hostnames", "rules"}
    domain = cluster.answers["domain"]
    assert route["spec"]["hostnames"] == [
        domain if environment == "production" else f"{environment}.{domain}"
    ]
    first, metrics = route["spec"]["rules"]
    service = objects(cluster, environment)["Service"]
    (backend,) = first["backendRefs"]
    assert backend == {
        "name": service["metadata"]["name"],
        "port": service["spec"]["ports"][0]["port"],
    }
    assert metrics["matches"] == [{"path": {"type": "PathPrefix", "value": "/metrics"}}]
    assert "backendRefs" not in metrics


def test_numbers_are_those_of_the_plan(cluster: Project, environment: str) -> None:
    plan = cluster.answers["plan"]["environments"][environment]
    found = objects(cluster, environment)
    resources = container(cluster, environment)["resources"]
    assert resources["requests"]["cpu"] == f"{round(plan['host']['cpus'] * 1000)}m"
    assert resources["requests"]["memory"] == f"{plan['host']['memory_mb']}Mi"
    assert resources["limits"] == {"memory": f"{plan['host']['memory_mb']}Mi"}
    assert found["HorizontalPodAutoscaler"]["spec"]["maxReplicas"] == plan["host"]["replicas"]
    assert found["HorizontalPodAutoscaler"]["spec"]["minReplicas"] <= plan["host"]["replicas"]
    rolling = found["Deployment"]["spec"]["strategy"]["rollingUpdate"]
    assert rolling == {"maxSurge": max(1, plan["host"]["surge"]), "maxUnavailable": 0}
    settings = found["ConfigMap"]["data"]
    assert settings["APP_ENVIRONMENT"] == environment


def test_times_to_stop_nest(cluster: Project, environment: str) -> None:
    pod = objects(cluster, environment)["Deployment"]["spec"]["template"]["spec"]
    wait = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    server = cluster.settings(environment)["server"]
    assert wait > 0
    assert wait + server["graceful_timeout"] < pod["terminationGracePeriodSeconds"]


def test_port_is_one(cluster: Project, environment: str) -> None:
    (port,) = container(cluster, environment)["ports"]
    assert f"EXPOSE {port['containerPort']}\n" in cluster.text("Dockerfile")
    service = objects(cluster, environment)["Service"]["spec"]
    assert service["ports"][0]["targetPort"] == port["name"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container(cluster, environment)[probe]["httpGet"]["port"] == port["name"]
    assert container(cluster, environment)["livenessProbe"]["httpGet"]["path"] == "/livez"


def test_selectors_find_the_pods(cluster: Project, environment: str) -> None:
    found = objects(cluster, environment)
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    assert found["Service"]["spec"]["selector"].items() <= labels
    for kind in ("PodDisruptionBudget", "Deployment"):
        assert found[kind]["spec"]["selector"]["matchLabels"].items() <= labels
    assert found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"].items() <= labels
    target = found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"]
    assert target == found["Deployment"]["metadata"]["name"]


def test_settings_and_secrets_are_those_that_pods_read(cluster: Project, environment: str) -> None:
    found = objects(cluster, environment)
    for kind in {"Deployment", "Job"} & set(found):
        pod = found[kind]["spec"]["template"]["spec"]
        (source,) = pod["containers"][0]["envFrom"]
        assert source["configMapRef"]["name"] == found["ConfigMap"]["metadata"]["name"]
        named = [one["secret"]["secretName"] for one in pod["volumes"] if "secret" in one]
        assert all(f"secret generic {name} " in cluster.text(GUIDE) for name in named)
        assert pod["automountServiceAccountToken"] is False
    assert ("Job" in found) == (cluster.root / "migrations").is_dir()


GUIDE = "deploy/kubernetes/README.md"


def test_names_are_valid(cluster: Project, environment: str) -> None:
    for kind, one in objects(cluster, environment).items():
        longest = 253 if kind == "ConfigMap" else 63
        assert len(one["metadata"]["name"]) <= longest
        assert one["metadata"].get("namespace", f"{cluster.name}-{environment}") == (
            f"{cluster.name}-{environment}"
        )


@pytest.mark.parametrize("cluster", ["kubernetes, pgbouncer"], indirect=True)
def test_pgbouncers_share_what_the_plan_allows(cluster: Project, environment: str) -> None:
    found = {
        one["kind"]: one
        for one in yaml.safe_load_all(built(cluster, environment))
        if "-pgbouncer" in one["metadata"]["name"]
    }
    number = cluster.answers["plan"]["environments"][environment]["numbers"]
    most = re.search(r"max_db_connections = (\d+)", found["ConfigMap"]["data"]["pgbouncer.ini"])
    assert most
    replicas = found["StatefulSet"]["spec"]["replicas"]
    assert replicas == (2 if environment == "production" else 1)
    assert 0 < int(most[1]) * replicas <= number["pgbouncer_max_db_connections"]["value"]
    pod = found["StatefulSet"]["spec"]["template"]
    assert found["Service"]["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    configured, users = (one for one in pod["spec"]["volumes"])
    assert configured["configMap"]["name"] == found["ConfigMap"]["metadata"]["name"]
    assert f"secret generic {users['secret']['secretName']} " in cluster.text(GUIDE)
    address = f"@{found['Service']['metadata']['name']}:6432/"
    assert address in cluster.text(GUIDE)


def test_what_workers_tell_is_reached_by_scrapers_alone(cluster: Project, environment: str) -> None:
    metrics = cluster.settings().get("worker_metrics")
    found = list(yaml.safe_load_all(built(cluster, environment)))
    pods = {
        one["metadata"]["name"]: one["spec"]["template"]["spec"]["containers"][0]
        for one in found
        if one["kind"] == "Deployment" and one["metadata"]["name"].endswith("-worker")
    }
    ports = [port for pod in pods.values() for port in pod.get("ports", [])]
    wanted = [{"name": "metrics", "containerPort": metrics["port"]}] if metrics else []
    assert ports == wanted
    policies = [one["spec"]["ingress"] for one in found if one["kind"] == "NetworkPolicy"]
    opened = {port["port"] for rules in policies for rule in rules for port in rule["ports"]}
    assert {"http", "metrics"} & opened == {"http"} | ({"metrics"} if metrics else set())
    services = [one for one in found if one["kind"] == "Service"]
    assert all(
        port.get("targetPort") != "metrics" for one in services for port in one["spec"]["ports"]
    )


def test_workers_scale_with_the_queue_within_the_plan(tmp_path: Path) -> None:
    project = render(
        db_driver="asyncpg", deployment=["kubernetes"], queue="taskiq", metrics="prometheus"
    )
    text = kustomized(with_autoscaler(project, tmp_path))
    found = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(text)}
    scaled = found["ScaledObject", "demo-worker"]
    assert scaled["metadata"]["namespace"] == "demo-production"
    worker = found["Deployment", scaled["spec"]["scaleTargetRef"]["name"]]
    assert "replicas" not in worker["spec"], "the autoscaler and Kustomize would fight about it"
    assert scaled["spec"]["maxReplicaCount"] == project.number("queue_workers")
    (trigger,) = scaled["spec"]["triggers"]
    (metric,) = re.findall(r"max\((\w+)\{", trigger["metadata"]["query"])
    assert f'"{metric}"' in project.text("app/measures.py")
