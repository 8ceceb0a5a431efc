"""`render.yaml` agrees with the settings of production."""

from typing import Any

import yaml
from deployment import ROOT
from hosted import Instance, check

PLANS = {
    "starter": (0.5, 512),
    "standard": (1, 2048),
    "pro": (2, 4096),
    "pro plus": (4, 8192),
    "pro max": (4, 16384),
    "pro ultra": (8, 32768),
}
"""CPUs and memory of Render's instances."""


def services() -> list[dict[str, Any]]:
    text = (ROOT / "render.yaml").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = yaml.safe_load(text)["services"]
    return found


def variables(service: dict[str, Any]) -> dict[str, str]:
    return {one["key"]: one.get("value", "") for one in service["envVars"]}


def test_the_service_is_what_the_plan_counts_with() -> None:
    web = services()[0]
    cpus, memory = PLANS[web["plan"]]
    check(
        Instance(
            cpus=cpus,
            memory_mb=memory,
            most=web["scaling"]["maxInstances"] if "scaling" in web else web["numInstances"],
            grace=web["maxShutdownDelaySeconds"],
            variables=variables(web),
        )
    )


def test_all_processes_have_the_same_settings() -> None:
    web, *others = services()
    shared = {name: value for name, value in variables(web).items() if name != "PORT"}
    assert all(variables(one) == shared for one in others)
