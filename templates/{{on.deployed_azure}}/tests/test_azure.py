"""The files of Azure Container Apps agree with the settings of production."""

from typing import Any

import yaml
from deployment import ROOT, numbers
from hosted import Instance, check

FOLDER = ROOT / "deploy" / "azure"


def read(name: str) -> Any:  # noqa: ANN401 - any document
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))["properties"]


def variables(container: Any) -> dict[str, str]:  # noqa: ANN401
    return {one["name"]: one.get("value", "") for one in container["env"]}


def test_the_service_is_what_the_plan_counts_with() -> None:
    template = read("service.yaml")["template"]
    container = template["containers"][0]
    check(
        Instance(
            cpus=container["resources"]["cpu"],
            memory_mb=round(float(container["resources"]["memory"].removesuffix("Gi")) * 1024),
            most=template["scale"]["maxReplicas"],
            grace=template["terminationGracePeriodSeconds"],
            variables=variables(container),
        )
    )


def test_another_replica_is_started_before_one_is_full() -> None:
    server = numbers("production")["server"]
    (rule,) = read("service.yaml")["template"]["scale"]["rules"]
    most = server["workers"] * server["max_in_flight"]
    assert int(rule["http"]["metadata"]["concurrentRequests"]) <= most


def test_all_processes_have_the_same_settings() -> None:
    found = [read(path.name) for path in sorted(FOLDER.glob("*.yaml"))]
    containers = [one["template"]["containers"][0] for one in found]
    for one in containers:
        assert one["env"] == containers[0]["env"]
        assert one["image"] == containers[0]["image"]
    for one in found:
        assert one["configuration"].get("secrets") == found[0]["configuration"].get("secrets")
