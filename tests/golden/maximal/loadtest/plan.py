"""What `mix.toml` says, with the numbers that environment variables override."""

import os
import tomllib
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "mix.toml"


@dataclass(frozen=True)
class Targets:
    """When the load test has passed."""

    p95_ms: float
    error_percent: float
    requests_per_second: float
    """Of all replicas together."""
    replicas: float


@dataclass(frozen=True)
class Load:
    """How users come and how long they stay."""

    ramp_seconds: float
    seconds: float
    think_seconds: float


@dataclass(frozen=True)
class Service:
    """How a service is started."""

    before: list[list[str]]
    run: list[list[str]]
    ready: str
    environment: dict[str, str]
    stand_ins: dict[str, str]


@dataclass(frozen=True)
class Step:
    """A kind of request; `{name}` in its path and body are filled in."""

    method: str
    path: str
    body: str = ""
    name: str = ""
    weight: float = 0
    stood_in: bool = False
    times: int = 1
    take: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """The load test."""

    targets: Targets
    load: Load
    service: Service
    seed: list[Step]
    mix: list[Step]

    @property
    def users(self) -> int:
        """So many users that the target rate is reached while answers take half of the p95 target."""
        of_one = self.load.think_seconds + self.targets.p95_ms / 2000
        return max(1, ceil(self.targets.requests_per_second * of_one))


def read_plan(path: Path = FILE) -> Plan:
    """Read the file and the environment."""
    said = tomllib.loads(path.read_text(encoding="utf-8"))
    service = {"stand_ins": {}, **said["service"]}
    return Plan(
        Targets(**_numbers(said["targets"])),
        Load(**_numbers(said["load"])),
        Service(**service),
        [Step(**step) for step in said.get("seed", [])],
        [Step(**step) for step in said["mix"]],
    )


def _numbers(said: dict[str, Any]) -> dict[str, float]:
    """Take numbers from the environment where it has them."""
    given = {name: os.environ.get(f"LOADTEST_{name.upper()}") for name in said}
    return {name: float(given[name] or number) for name, number in said.items()}
