"""The files of Cloud Run agree with the settings of production."""

from typing import Any

import yaml
from deployment import ROOT, numbers
from hosted import Instance, check

FOLDER = ROOT / "deploy" / "cloudrun"
GRACE = 10
"""Cloud Run allows no more."""


def read(name: str) -> Any:  # noqa: ANN401 - any document
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def variables(container: Any) -> dict[str, str]:  # noqa: ANN401
    return {one["name"]: one.get("value", "") for one in container["env"]}


def test_the_service_is_what_the_plan_counts_with() -> None:
    template = read("service.yaml")["spec"]["template"]
    container = template["spec"]["containers"][0]
    limits = container["resources"]["limits"]
    check(
        Instance(
            cpus=float(limits["cpu"]),
            memory_mb=int(limits["memory"].removesuffix("Mi")),
            most=int(template["metadata"]["annotations"]["autoscaling.knative.dev/maxScale"]),
            grace=GRACE,
            variables=variables(container),
        )
    )


def test_requests_end_before_their_time_is_over() -> None:
    spec = read("service.yaml")["spec"]["template"]["spec"]
    server = numbers("production")["server"]
    assert spec["timeoutSeconds"] > server["request_timeout"]
    assert spec["containerConcurrency"] <= server["workers"] * server["max_in_flight"]


def test_all_processes_have_the_same_settings() -> None:
    found = []
    for path in sorted(FOLDER.glob("*.yaml")):
        spec = read(path.name)["spec"]["template"]["spec"]
        container = spec.get("template", {}).get("spec", spec)["containers"][0]
        found.append((container["image"], variables(container)))
    assert all(one == found[0] for one in found)
