"""Files of managed platforms: the vendors' own models accept them, where a package carries one.

Fly.io, Render and Railway publish no schema that could be installed: of these the keys are compared
with those that their documentation names.
"""

import importlib.resources
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from enum import EnumType
from functools import cache
from typing import Any, get_args, get_origin

import botocore.session  # type: ignore[import-untyped]
import botocore.validate  # type: ignore[import-untyped]
import pytest
import typing_extensions
from artefacts import Project
from azure.mgmt.appcontainers import models as azure_models
from azure.mgmt.appcontainers import types as azure
from hosting import files

GOOGLE = "googleapiclient/discovery_cache/documents/run.v1.json"
FARGATE = {
    256: [512, 1024, 2048],
    512: range(1024, 4097, 1024),
    1024: range(2048, 8193, 1024),
    2048: range(4096, 16385, 1024),
    4096: range(8192, 30721, 1024),
    8192: range(16384, 61441, 4096),
    16384: range(32768, 122881, 8192),
}
"""CPU units -> MB of memory that a Fargate task can have."""


@cache
def google() -> dict[str, Any]:
    package, _, path = GOOGLE.partition("/")
    text = importlib.resources.files(package).joinpath(path).read_text(encoding="utf-8")
    schemas: dict[str, Any] = json.loads(text)["schemas"]
    return schemas


def google_errors(value: Any, schema: Mapping[str, Any], where: str) -> Iterator[str]:  # noqa: ANN401
    """What a schema of Google's discovery documents does not know or has as another type."""
    schema = google()[schema["$ref"]] if "$ref" in schema else schema
    kinds = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}
    kind = int if schema.get("format") == "int64" else kinds[schema["type"]]
    if not isinstance(value, kind):
        yield f"{where}: {value!r} is no {kind.__name__}"
    elif isinstance(value, dict):
        anything = schema.get("additionalProperties")
        for key, inner in value.items():
            known = schema.get("properties", {}).get(key, anything)
            if known is None:
                yield f"{where}.{key} is unknown"
            else:
                yield from google_errors(inner, known, f"{where}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from google_errors(inner, schema["items"], f"{where}[]")


def test_cloud_run_objects_follow_googles_schemas(hosted: Project) -> None:
    versions = {"Service": "serving.knative.dev/v1"}
    for name, one in files(hosted, "cloudrun", ".yaml").items():
        assert one["apiVersion"] == versions.get(one["kind"], "run.googleapis.com/v1")
        assert list(google_errors(one, google()[one["kind"]], name)) == []


def test_cloud_run_knows_the_annotations(hosted: Project) -> None:
    described = google()["ObjectMeta"]["properties"]["annotations"]["description"]
    known = dict(re.findall(r"`([\w./-]+)`: ([\w, ]+)\.", described))
    service = files(hosted, "cloudrun", ".yaml")["service"]
    for kind, metadata in {
        "Service": service["metadata"],
        "Revision": service["spec"]["template"]["metadata"],
    }.items():
        for annotation in metadata["annotations"]:
            assert kind in known[annotation].split(", "), annotation


def test_cloud_run_allows_the_names_and_sizes(hosted: Project) -> None:
    for one in files(hosted, "cloudrun", ".yaml").values():
        assert re.fullmatch(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?", one["metadata"]["name"])
    spec = files(hosted, "cloudrun", ".yaml")["service"]["spec"]["template"]["spec"]
    account = spec["serviceAccountName"].partition("@")[0]
    assert re.fullmatch(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", account)
    assert 1 <= spec["containerConcurrency"] <= 1000
    probe = spec["containers"][0]["startupProbe"]
    assert probe["timeoutSeconds"] <= probe["periodSeconds"]
    assert probe["periodSeconds"] * probe["failureThreshold"] <= 240


@pytest.mark.parametrize(
    ("service", "operation", "pattern"),
    [
        ("ecs", "RegisterTaskDefinition", r"(\w+-)?task"),
        ("ecs", "CreateService", r"(\w+-)?service"),
        ("application-autoscaling", "RegisterScalableTarget", "scaling-target"),
        ("application-autoscaling", "PutScalingPolicy", "scaling-policy"),
    ],
)
def test_ecs_inputs_follow_amazons_model(
    hosted: Project, service: str, operation: str, pattern: str
) -> None:
    model = botocore.session.Session().get_service_model(service).operation_model(operation)
    found = files(hosted, "ecs", ".json")
    inputs = {name: one for name, one in found.items() if re.fullmatch(pattern, name)}
    assert inputs
    for name, one in inputs.items():
        report = botocore.validate.ParamValidator().validate(one, model.input_shape)
        assert not report.has_errors(), f"{name}: {report.generate_report()}"
        assert set(_unknown(one, model.input_shape)) == set()


def _unknown(value: Any, shape: Any) -> Iterator[str]:  # noqa: ANN401
    """Words that an enumeration of the model does not have: its validator lets them pass."""
    if shape.type_name == "structure":
        for key, inner in value.items():
            yield from _unknown(inner, shape.members[key])
    elif shape.type_name == "list":
        for inner in value:
            yield from _unknown(inner, shape.member)
    elif getattr(shape, "enum", None) and value not in shape.enum:
        yield str(value)


def test_fargate_has_the_sizes(hosted: Project) -> None:
    tasks = [one for name, one in files(hosted, "ecs", ".json").items() if name.endswith("task")]
    for task in tasks:
        assert int(task["memory"]) in FARGATE[int(task["cpu"])]
        assert 0 < task["containerDefinitions"][0]["stopTimeout"] <= 120


AZURE_WORDS = {name: one for name, one in vars(azure_models).items() if isinstance(one, EnumType)}
"""Enumerations, which the models name without importing them."""


def azure_errors(value: Any, kind: Any, where: str) -> Iterator[str]:  # noqa: ANN401
    """What a model of Azure's client does not know or has as another type."""
    if typing_extensions.is_typeddict(kind):
        known = typing_extensions.get_type_hints(kind, localns=AZURE_WORDS)
        for key, inner in value.items():
            if key in known:
                yield from azure_errors(inner, known[key], f"{where}.{key}")
            else:
                yield f"{where}.{key} is unknown"
    elif get_origin(kind) is list:
        for inner in value:
            yield from azure_errors(inner, get_args(kind)[0], f"{where}[]")
    elif get_origin(kind) is dict:
        for key, inner in value.items():
            yield from azure_errors(inner, get_args(kind)[1], f"{where}.{key}")
    elif words := [one for one in get_args(kind) if one in AZURE_WORDS.values()]:
        if value not in {str(word.value) for one in words for word in one}:
            yield f"{where}: {value!r} is none of its words"
    elif kind in {str, int, bool, float}:
        allowed = (int, float) if kind is float else kind
        if not isinstance(value, allowed) or (kind is int and isinstance(value, bool)):
            yield f"{where}: {value!r} is no {kind.__name__}"
    else:
        raise AssertionError(f"{where}: no rule for {kind}")


def test_azure_objects_follow_microsofts_models(hosted: Project) -> None:
    kinds = {
        "Microsoft.App/containerApps": azure.ContainerApp,
        "Microsoft.App/jobs": azure.Job,
    }
    for name, one in files(hosted, "azure", ".yaml").items():
        assert list(azure_errors(one, kinds[one["type"]], name)) == []


def test_azure_allows_the_names_and_sizes(hosted: Project) -> None:
    for one in files(hosted, "azure", ".yaml").values():
        assert re.fullmatch(r"[a-z][a-z0-9-]{0,30}[a-z0-9]", one["name"])
        assert "--" not in one["name"]
        resources = one["properties"]["template"]["containers"][0]["resources"]
        assert resources["cpu"] * 4 == int(resources["cpu"] * 4) <= 16
        assert float(resources["memory"].removesuffix("Gi")) == resources["cpu"] * 2


def keys(value: Any, path: str = "") -> Iterator[str]:  # noqa: ANN401
    """The paths of all keys; those below a list have `[]`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{path}{key}"
            yield from keys(inner, f"{path}{key}.")
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner, f"{path.removesuffix('.')}[].")


FLY = {
    *("app", "primary_region", "kill_signal", "kill_timeout", "build", "build.dockerfile"),
    *("deploy", "deploy.strategy", "deploy.release_command", "deploy.release_command_timeout"),
    *("env", "processes", "http_service", "http_service.internal_port"),
    *("http_service.force_https", "http_service.auto_stop_machines"),
    *("http_service.auto_start_machines", "http_service.min_machines_running"),
    *("http_service.processes", "http_service.concurrency", "http_service.concurrency.type"),
    *("http_service.concurrency.soft_limit", "http_service.concurrency.hard_limit"),
    *("http_service.checks", "http_service.checks[].method", "http_service.checks[].path"),
    *("http_service.checks[].grace_period", "http_service.checks[].interval"),
    *("http_service.checks[].timeout", "metrics", "metrics[].port", "metrics[].path"),
    *("metrics[].processes", "vm", "vm[].cpu_kind", "vm[].cpus", "vm[].memory_mb"),
    "vm[].processes",
}
RENDER = {
    *("services", "services[].type", "services[].name", "services[].runtime", "services[].plan"),
    *("services[].dockerfilePath", "services[].dockerCommand", "services[].numInstances"),
    *("services[].scaling", "services[].scaling.minInstances", "services[].scaling.maxInstances"),
    *("services[].scaling.targetCPUPercent", "services[].healthCheckPath"),
    *("services[].maxShutdownDelaySeconds", "services[].preDeployCommand", "services[].envVars"),
    *("services[].envVars[].key", "services[].envVars[].value", "services[].envVars[].sync"),
}
RAILWAY = {
    *("$schema", "build", "build.builder", "build.dockerfilePath", "deploy"),
    *("deploy.startCommand", "deploy.preDeployCommand", "deploy.healthcheckPath"),
    *("deploy.healthcheckTimeout", "deploy.numReplicas", "deploy.restartPolicyType"),
    *("deploy.overlapSeconds", "deploy.drainingSeconds"),
}


def test_fly_documents_the_keys(hosted: Project) -> None:
    config = tomllib.loads(hosted.text("fly.toml"))
    free = ("env.", "processes.")
    assert {key for key in keys(config) if not key.startswith(free)} <= FLY
    assert 5 <= config["kill_timeout"] <= 300
    assert config["deploy"]["strategy"] in {"canary", "rolling", "immediate", "bluegreen"}
    groups = {"app", *config.get("processes", {})}
    machines = [group for one in config["vm"] for group in one["processes"]]
    assert sorted(machines) == sorted(groups)
    for one in config["vm"]:
        smallest = {"shared": 256, "performance": 2048}[one["cpu_kind"]] * one["cpus"]
        assert one["memory_mb"] >= smallest
        assert one["memory_mb"] % 256 == 0


def test_render_documents_the_keys(hosted: Project) -> None:
    blueprint = hosted.yaml("render.yaml")
    assert set(keys(blueprint)) <= RENDER
    names = [one["name"] for one in blueprint["services"]]
    assert len(names) == len(set(names))
    for one in blueprint["services"]:
        assert one["type"] in {"web", "worker"}
        assert 1 <= one["maxShutdownDelaySeconds"] <= 300
        assert ("scaling" in one) != ("numInstances" in one)


def test_railway_documents_the_keys(hosted: Project) -> None:
    found = [json.loads(hosted.text("railway.json")), *files(hosted, "railway", ".json").values()]
    for one in found:
        assert set(keys(one)) <= RAILWAY
        # Its parser refuses the strings that its documentation once showed.
        assert isinstance(one["deploy"]["drainingSeconds"], int)
        assert isinstance(one["deploy"]["overlapSeconds"], int)


def test_the_checks_find_mistakes(hosted: Project) -> None:
    service = files(hosted, "cloudrun", ".yaml")["service"]
    service["spec"]["template"]["spec"]["containerConcurency"] = "80"
    assert list(google_errors(service, google()["Service"], "service"))
    app = files(hosted, "azure", ".yaml")["service"]
    app["properties"]["template"]["terminationGracePeriod"] = 40
    app["properties"]["configuration"]["ingress"]["transport"] = "h3"
    assert len(list(azure_errors(app, azure.ContainerApp, "service"))) == 2
