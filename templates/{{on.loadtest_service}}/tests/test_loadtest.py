"""The load test asks for what there is, and judges by the targets."""

import re

import pytest
from httpx2 import AsyncClient

from loadtest.plan import Plan, Targets, read_plan
from loadtest.scenario import PLACE
from loadtest.verdict import Figures, judge, passed

TARGETS = Targets(p95_ms=100, error_percent=1, requests_per_second=10, replicas=1)


@pytest.fixture
def plan() -> Plan:
    return read_plan()


async def test_every_request_has_a_route(client: AsyncClient, plan: Plan) -> None:
    paths: dict[str, dict[str, object]] = (await client.get("/openapi.json")).json()["paths"]
    for step in plan.seed + plan.mix:
        asked = step.path.partition("?")[0]
        found = {
            method
            for path, operations in paths.items()
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), asked)
            for method in operations
        }
        assert step.method.lower() in found, f"{step.method} {step.path}"


def test_every_place_is_filled_by_an_earlier_answer(plan: Plan) -> None:
    known = {"unique", "number"}
    for step in plan.seed + plan.mix:
        assert set(PLACE.findall(step.path + step.body)) <= known, step
        known |= set(step.take)


@pytest.mark.parametrize(
    ("figures", "met"),
    [
        (Figures(1000, 0, 100, 100), True),
        (Figures(1000, 0, 101, 100), False),
        (Figures(1010, 11, 50, 100), False),
        (Figures(1000, 0, 50, 101), False),
        (Figures(0, 0, 0, 100), False),
    ],
)
def test_a_missed_target_is_a_failure(figures: Figures, met: bool) -> None:
    assert passed(judge(figures, TARGETS)) == met


def test_variables_override_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_REQUESTS_PER_SECOND", "0.5")
    monkeypatch.setenv("LOADTEST_THINK_SECONDS", "2")
    plan = read_plan()
    assert plan.targets.requests_per_second == 0.5
    assert 1 <= plan.users <= 31
