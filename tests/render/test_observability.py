"""Prometheus and Grafana beside the service: rules that are valid and fire when they should."""

import ast
import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from artefacts import Project, render
from checkers import configuration_complaints, panels, queries, query_complaints, rule_complaints

OBSERVED: dict[str, dict[str, Any]] = {
    "defaults": {},
    "everything": {"db_driver": "asyncpg", "cache": "redis", "queue": "taskiq", "replicas": 2},
    "strict targets": {"target_p95_ms": 1, "target_error_rate": 0.001},
    "wide targets": {"target_p95_ms": 60000, "target_error_rate": 50, "project_name": "a" * 50},
    "whole seconds": {"target_p95_ms": 2000, "http_edge": "none"},
}


@pytest.fixture(params=list(OBSERVED))
def observed(request: pytest.FixtureRequest) -> Project:
    """Give each kind of project that is observed."""
    return render(**OBSERVED[request.param])


def rules(project: Project) -> list[dict[str, Any]]:
    """Read the rules of all groups."""
    groups = project.yaml("deploy/prometheus/rules.yml")["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard(project: Project) -> Mapping[str, Any]:
    """Read the dashboard."""
    board: Mapping[str, Any] = json.loads(project.text("deploy/grafana/dashboards/service.json"))
    return board


@pytest.mark.slow
def test_prometheus_accepts_its_files(observed: Project) -> None:
    folder = observed.root / "deploy" / "prometheus"
    assert configuration_complaints(folder) == ""
    assert rule_complaints(folder) == ""


def test_target_is_a_bound_of_the_histogram(observed: Project) -> None:
    texts = " ".join(rule["expr"] for rule in rules(observed))
    (bound,) = set(re.findall(r'le="([^"]+)"', texts))
    bounds = observed.settings()["metrics"]["duration_buckets"]
    assert bound in [str(float(one)) for one in bounds]
    assert float(bound) == observed.answers["target_p95_ms"] / 1000


def test_thresholds_can_be_passed(observed: Project) -> None:
    for rule in rules(observed):
        for threshold in re.findall(r"> ([0-9.e-]+)", rule["expr"]):
            assert 0 <= float(threshold) < 1
    burning = [rule for rule in rules(observed) if "window" in rule.get("labels", {})]
    assert len(burning) == 6


def test_dashboard_shows_what_is_recorded_or_told(observed: Project, tmp_path: Path) -> None:
    board = dashboard(observed)
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert len(board["uid"]) <= 40
    recorded = {rule["record"] for rule in rules(observed) if "record" in rule}
    for expression in queries(board):
        for name in re.findall(r"service:\w+:\w+", expression):
            assert name in recorded
    assert query_complaints(queries(board), tmp_path) == ""


def test_panels_do_not_lie_on_each_other(observed: Project) -> None:
    places = [panel["gridPos"] for panel in dashboard(observed)["panels"]]
    cells = Counter(
        (place["x"] + right, place["y"] + down)
        for place in places
        for right in range(place["w"])
        for down in range(place["h"])
    )
    assert set(cells.values()) == {1}
    assert max(x for x, _ in cells) == 23


def test_every_event_has_a_panel_in_its_unit(observed: Project) -> None:
    shown = panels(dashboard(observed))
    units = {panel["title"]: panel["fieldConfig"]["defaults"]["unit"] for panel in shown}
    (told,) = [
        node.value
        for node in ast.parse(observed.text("app/measures.py")).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TOLD"
    ]
    assert isinstance(told, ast.Tuple)
    for event in told.elts:
        assert isinstance(event, ast.Call)
        assert ast.literal_eval(event.args[2]) in units
    assert units["Memory that is held"] == "bytes"
    assert units["Processor time that was used"] == "percentunit"


def test_scraper_finds_every_process_once(observed: Project) -> None:
    jobs = observed.yaml("deploy/prometheus/prometheus.yml")["scrape_configs"]
    stack = observed.yaml("compose.yaml")
    scraper = stack["services"]["prometheus"]
    asked = {job["dns_sd_configs"][0]["names"][0] for job in jobs}
    assert asked == {"app", "worker"} & set(stack["services"])
    for name in asked:
        shared = set(stack["services"][name]["networks"]) & set(scraper["networks"])
        assert len(shared) == 1, f"addresses in {shared} would be scraped each"


def test_nothing_starts_or_is_published_unasked(observed: Project) -> None:
    services = observed.yaml("compose.yaml")["services"]
    for name in ("prometheus", "grafana"):
        assert services[name]["profiles"] == ["observability"]
        assert all(port.startswith("127.0.0.1:") for port in services[name].get("ports", []))
    assert services["grafana"]["secrets"] == ["grafana_password"]


def test_without_metrics_there_is_nothing_to_scrape() -> None:
    bare = render(metrics="none")
    assert not (bare.root / "deploy" / "prometheus").exists()
    assert "prometheus" not in bare.text("compose.yaml")
