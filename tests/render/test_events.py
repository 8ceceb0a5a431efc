"""Events: what the code of a layer tells and what its data says about it are the same."""

import ast
from collections.abc import Iterator
from functools import cache

import pytest
from combinations import Rendered, rendered

pytestmark = pytest.mark.xdist_group("rendered")

KINDS = {"count": "count", "gauge": "gauge", "duration": "seconds"}


Told = tuple[str, str, frozenset[str]]
"""Kind, name and labels of an event."""


def _told(one: Rendered) -> Iterator[Told]:
    """Every event that the project's code tells."""
    for path, content in one.files.items():
        if path.startswith("app/") and path.endswith(".py") and path != "app/events.py":
            yield from _told_in(content)


@cache
def _told_in(content: bytes) -> frozenset[Told]:
    """The events of one file, which many projects share."""
    return frozenset(told for node in ast.walk(ast.parse(content)) for told in _told_by(node))


def _told_by(node: ast.AST) -> Iterator[Told]:
    match node:
        case ast.Call(
            func=ast.Name(id=("count" | "gauge" | "duration") as function),
            args=[first, *_],
        ):
            labels = [word.arg for word in node.keywords if word.arg != "amount"]
            for name in _names(first):
                yield KINDS[function], name, frozenset(filter(None, labels))


def _names(node: ast.expr) -> Iterator[str]:
    """The texts that an argument can be: one, or those of both branches."""
    match node:
        case ast.Constant(value=str(name)):
            yield name
        case ast.IfExp(body=body, orelse=orelse):
            yield from _names(body)
            yield from _names(orelse)


def _declared(one: Rendered) -> Iterator[Told]:
    for feature in one.answers["features"]:
        for event in feature.get("events", []):
            yield event["kind"], event["name"], frozenset(event.get("labels", []))


def test_events_are_told_as_they_are_declared() -> None:
    for one in rendered():
        if one.answers["scope"] == "service":
            assert set(_told(one)) == set(_declared(one)), one.name


def test_without_metrics_nobody_listens() -> None:
    for one in rendered():
        if one.answers["scope"] == "service" and one.answers["metrics"] == "none":
            assert "app/event_metrics.py" not in one.files, one.name
            assert "app/measures.py" not in one.files, one.name
            assert "app/worker_metrics.py" not in one.files, one.name
            for path, content in one.files.items():
                assert b"prometheus" not in content.lower(), f"{path} [{one.name}]"
                assert b"9101" not in content, f"{path} [{one.name}]"


def test_without_opentelemetry_nothing_is_exported() -> None:
    for one in rendered():
        if one.answers["scope"] == "service" and one.answers["metrics"] in {"none", "prometheus"}:
            for path, content in one.files.items():
                assert b"opentelemetry-sdk" not in content, f"{path} [{one.name}]"
                assert b"telemetry__" not in content.lower(), f"{path} [{one.name}]"
                assert b"otlp" not in content.lower(), f"{path} [{one.name}]"
