"""The files of managed platforms, parsed: what each says of the processes of a project in one form."""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from artefacts import Project

RENDER_PLANS = {
    "starter": (0.5, 512),
    "standard": (1, 2048),
    "pro": (2, 4096),
    "pro plus": (4, 8192),
    "pro max": (4, 16384),
    "pro ultra": (8, 32768),
}
CLOUD_RUN_GRACE = 10


@dataclass(frozen=True)
class Process:
    """A process of the project as a platform's files describe it; None: they do not say."""

    command: list[str] | None = None
    image: str | None = None
    port: int | None = None
    cpus: float | None = None
    memory_mb: int | None = None
    least: int | None = None
    most: int | None = None
    grace: int | None = None
    concurrency: int | None = None
    paths: frozenset[str] = frozenset()
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()


Processes = dict[str, Process]


def described(project: Project, platform: str) -> Processes:
    """Read the files of a platform: `service`, and `migrate`, `worker`, `scheduler` where they are."""
    readers: dict[str, Callable[[Project], Processes]] = {
        "cloudrun": _cloudrun,
        "fly": _fly,
        "ecs": _ecs,
        "render": _render,
        "railway": _railway,
        "azure": _azure,
    }
    return readers[platform](project)


def others(project: Project) -> list[str]:
    """The processes of the queue that the project has."""
    return ["worker", "scheduler"] if project.answers["queue"] != "background" else []


def files(project: Project, platform: str, suffix: str) -> dict[str, Any]:
    """Parse the files below `deploy/<platform>` by name without suffix."""
    read: Callable[[str], Any] = json.loads if suffix == ".json" else project.yaml
    folder = project.root / "deploy" / platform
    found = sorted(folder.glob(f"*{suffix}"))
    names = {path.stem: str(path.relative_to(project.root)) for path in found}
    return {
        stem: read(project.text(name) if suffix == ".json" else name)
        for stem, name in names.items()
    }


def _paths(container: Mapping[str, Any]) -> frozenset[str]:
    probes = [container[key] for key in container if key.endswith("Probe")]
    probes += container.get("probes", [])
    return frozenset(one["httpGet"]["path"] for one in probes if "httpGet" in one)


def _named(
    entries: list[dict[str, Any]], key: str = "name"
) -> tuple[dict[str, str], frozenset[str]]:
    """Variables with values, and names of those whose value is somewhere else."""
    variables = {one[key]: one["value"] for one in entries if "value" in one}
    return variables, frozenset(one[key] for one in entries if "value" not in one)


def _cloudrun(project: Project) -> Processes:
    found: Processes = {}
    for name, one in files(project, "cloudrun", ".yaml").items():
        template = one["spec"]["template"]
        spec = template["spec"]
        spec = spec["template"]["spec"] if one["kind"] == "Job" else spec
        container = spec["containers"][0]
        variables, secrets = _named(container["env"])
        limits = container["resources"]["limits"]
        scale = template.get("metadata", {}).get("annotations", {})
        count = one["metadata"].get("annotations", {}).get("run.googleapis.com/manualInstanceCount")
        least = scale.get("autoscaling.knative.dev/minScale", count)
        most = scale.get("autoscaling.knative.dev/maxScale", count)
        found[name] = Process(
            command=container.get("command"),
            image=container["image"],
            port=container["ports"][0]["containerPort"] if "ports" in container else None,
            cpus=float(limits["cpu"]),
            memory_mb=int(limits["memory"].removesuffix("Mi")),
            least=int(least) if least else None,
            most=int(most) if most else None,
            grace=CLOUD_RUN_GRACE,
            concurrency=spec.get("containerConcurrency"),
            paths=_paths(container),
            variables=variables,
            secrets=secrets,
        )
    return found


def _fly(project: Project) -> Processes:
    config = tomllib.loads(project.text("fly.toml"))
    guide = project.text("deploy/fly/README.md")
    counts = dict(re.findall(r"(\w+)=(\d+)", _line(guide, "fly scale count ")))
    set_by_hand = frozenset(re.findall(r"(APP_\w+)=", _line(guide, "fly secrets set ")))
    commands = config.get("processes", {})
    found: Processes = {}
    for machine in config["vm"]:
        for process in machine["processes"]:
            name = "service" if process == "app" else process
            web = config["http_service"] if name == "service" else {}
            found[name] = Process(
                command=commands[process].split() if process in commands else None,
                port=web.get("internal_port"),
                cpus=machine["cpus"],
                memory_mb=machine["memory_mb"],
                least=web.get("min_machines_running", int(counts[process])),
                most=int(counts[process]),
                grace=config["kill_timeout"],
                concurrency=web.get("concurrency", {}).get("hard_limit"),
                paths=frozenset(one["path"] for one in web.get("checks", [])),
                variables=config["env"],
                secrets=set_by_hand,
            )
    if "release_command" in config["deploy"]:
        command = config["deploy"]["release_command"].split()
        found["migrate"] = Process(command, variables=config["env"], secrets=set_by_hand)
    return found


def _line(text: str, start: str) -> str:
    return next((line for line in text.splitlines() if line.startswith(start)), "")


def _ecs(project: Project) -> Processes:
    read = files(project, "ecs", ".json")
    guide = project.text("deploy/ecs/README.md")
    found: Processes = {}
    for name in ["service", *others(project)]:
        prefix = "" if name == "service" else f"{name}-"
        task, service = read[f"{prefix}task"], read[f"{prefix}service"]
        container = task["containerDefinitions"][0]
        count = service["desiredCount"]
        ports = container.get("portMappings", [])
        check = container.get("healthCheck", {}).get("command", [""])[-1]
        found[name] = Process(
            command=container.get("command"),
            image=container["image"],
            port=ports[0]["containerPort"] if ports else None,
            cpus=int(task["cpu"]) / 1024,
            memory_mb=int(task["memory"]),
            least=count,
            most=read["scaling-target"]["MaxCapacity"] if name == "service" else count,
            grace=container["stopTimeout"],
            paths=frozenset(re.findall(r"127\.0\.0\.1:\d+(/\w+)", check)),
            variables={one["name"]: one["value"] for one in container["environment"]},
            secrets=frozenset(one["name"] for one in container["secrets"]),
        )
    overridden = re.search(r'"command": (\[[^]]+\])', guide)
    if overridden:
        service = found["service"]
        command = json.loads(overridden[1])
        found["migrate"] = Process(
            command, service.image, variables=service.variables, secrets=service.secrets
        )
    return found


def _render(project: Project) -> Processes:
    found: Processes = {}
    for one in project.yaml("render.yaml")["services"]:
        web = one["type"] == "web"
        name = "service" if web else one["name"].removeprefix(f"{project.name}-")
        variables, secrets = _named(one["envVars"], "key")
        port = variables.pop("PORT", None)
        cpus, memory = RENDER_PLANS[one["plan"]]
        scaling = one.get("scaling", {})
        found[name] = Process(
            command=one["dockerCommand"].split() if "dockerCommand" in one else None,
            port=int(port) if port else None,
            cpus=cpus,
            memory_mb=memory,
            least=scaling.get("minInstances", one.get("numInstances")),
            most=scaling.get("maxInstances", one.get("numInstances")),
            grace=one["maxShutdownDelaySeconds"],
            paths=frozenset({one["healthCheckPath"]} if web else ()),
            variables=variables,
            secrets=secrets,
        )
        if "preDeployCommand" in one:
            command = one["preDeployCommand"].split()
            found["migrate"] = Process(command, variables=variables, secrets=secrets)
    return found


def _railway(project: Project) -> Processes:
    guide = project.text("deploy/railway/README.md")
    given = dict(re.findall(r"--set '(\w+)=([^']*)'", guide))
    port = int(given.pop("PORT"))
    secrets = frozenset(name for name, value in given.items() if value == "...")
    variables = {name: value for name, value in given.items() if name not in secrets}
    limits = re.search(r"a replica to ([0-9.]+) CPU and (\d+) MB", guide)
    assert limits
    read = {"service": json.loads(project.text("railway.json"))}
    read |= files(project, "railway", ".json")
    found: Processes = {}
    for name, one in read.items():
        deploy, web = one["deploy"], name == "service"
        found[name] = Process(
            command=deploy["startCommand"].split() if "startCommand" in deploy else None,
            port=port if web else None,
            cpus=float(limits[1]) if web else None,
            memory_mb=int(limits[2]) if web else None,
            least=deploy["numReplicas"],
            most=deploy["numReplicas"],
            grace=deploy["drainingSeconds"],
            paths=frozenset({deploy["healthcheckPath"]} if web else ()),
            variables=variables,
            secrets=secrets,
        )
        if "preDeployCommand" in deploy:
            command = deploy["preDeployCommand"][0].split()
            found["migrate"] = Process(command, variables=variables, secrets=secrets)
    return found


def _azure(project: Project) -> Processes:
    found: Processes = {}
    for name, one in files(project, "azure", ".yaml").items():
        properties = one["properties"]
        container = properties["template"]["containers"][0]
        variables, secrets = _named(container["env"])
        scale = properties["template"].get("scale", {})
        memory = float(container["resources"]["memory"].removesuffix("Gi")) * 1024
        rules = scale.get("rules", [])
        found[name] = Process(
            command=container.get("command"),
            image=container["image"],
            port=properties["configuration"].get("ingress", {}).get("targetPort"),
            cpus=container["resources"]["cpu"],
            memory_mb=round(memory),
            least=scale.get("minReplicas"),
            most=scale.get("maxReplicas"),
            grace=properties["template"].get("terminationGracePeriodSeconds"),
            concurrency=int(rules[0]["http"]["metadata"]["concurrentRequests"]) if rules else None,
            paths=_paths(container),
            variables=variables,
            secrets=secrets,
        )
    return found
