"""The manifests agree with the settings of the environments."""

from typing import Any

import pytest
import yaml
from deployment import ROOT, numbers, unknown

MANIFESTS = ROOT / "deploy" / "kubernetes"


def read(path: str) -> Any:  # noqa: ANN401 - any document
    return yaml.safe_load((MANIFESTS / path).read_text(encoding="utf-8"))


def objects(environment: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The Deployment, the HorizontalPodAutoscaler and the overlay, with the overlay's changes."""
    deployment, scaler = read("base/deployment.yaml"), read("base/autoscaler.yaml")
    overlay = read(f"overlays/{environment}/kustomization.yaml")
    for patch in overlay.get("patches", []):
        for target in (deployment, scaler):
            if patch["target"]["kind"] == target["kind"]:
                for change in yaml.safe_load(patch["patch"]):
                    replace(target, change["path"][1:].split("/"), change["value"])
    return deployment, scaler, overlay


def replace(target: Any, path: list[str], value: object) -> None:  # noqa: ANN401
    """A JSON patch of the kind `replace`."""
    for key in path[:-1]:
        target = target[int(key) if isinstance(target, list) else key]
    target[path[-1]] = value


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_pods_have_what_the_workers_need(environment: str) -> None:
    deployment, _, _ = objects(environment)
    server = numbers(environment)["server"]
    pod = deployment["spec"]["template"]["spec"]
    container = pod["containers"][0]
    requests = container["resources"]["requests"]
    assert int(requests["cpu"].removesuffix("m")) == round(server["planned_cpus"] * 1000)
    needed = server["workers"] * server["worker_memory_mb"]
    assert int(requests["memory"].removesuffix("Mi")) >= needed
    waits = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert waits + server["graceful_timeout"] < pod["terminationGracePeriodSeconds"]


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_what_is_set_is_read(environment: str) -> None:
    _, _, overlay = objects(environment)
    (generated,) = [one for one in overlay["configMapGenerator"] if "literals" in one]
    variables = dict(literal.split("=", 1) for literal in generated["literals"])
    assert unknown(set(variables)) == set()
    assert variables["APP_ENVIRONMENT"] == environment


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_the_plan_counts_the_pods_of_a_rolling_deployment(environment: str) -> None:
    deployment, scaler, _ = objects(environment)
    most = scaler["spec"]["maxReplicas"]
    rolling = deployment["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
    budget = numbers(environment)["database"]
    assert (most + rolling) * budget["connections_per_replica"] <= budget["fleet_connections"]
