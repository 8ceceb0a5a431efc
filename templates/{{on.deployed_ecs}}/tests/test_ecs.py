"""The files of ECS agree with the settings of production."""

import json
from typing import Any

from deployment import ROOT
from hosted import Instance, check

FOLDER = ROOT / "deploy" / "ecs"


def read(name: str) -> Any:  # noqa: ANN401 - any document
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def variables(container: Any) -> dict[str, str]:  # noqa: ANN401
    secrets = {one["name"]: "" for one in container["secrets"]}
    return secrets | {one["name"]: one["value"] for one in container["environment"]}


def test_the_service_is_what_the_plan_counts_with() -> None:
    task = read("task.json")
    container = task["containerDefinitions"][0]
    target = read("scaling-target.json")
    assert target["MinCapacity"] == read("service.json")["desiredCount"] <= target["MaxCapacity"]
    check(
        Instance(
            cpus=int(task["cpu"]) / 1024,
            memory_mb=int(task["memory"]),
            most=target["MaxCapacity"],
            grace=container["stopTimeout"],
            variables=variables(container),
        )
    )


def test_all_processes_have_the_same_settings() -> None:
    tasks = [read(path.name) for path in sorted(FOLDER.glob("*task.json"))]
    containers = [one["containerDefinitions"][0] for one in tasks]
    for one in containers:
        assert one["image"] == containers[0]["image"]
        assert variables(one) == variables(containers[0])
