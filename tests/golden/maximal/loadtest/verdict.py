"""Passed or failed: what was measured, beside the targets."""

import sys
from dataclasses import dataclass

from loadtest.plan import Targets


@dataclass(frozen=True)
class Figures:
    """What was measured after the ramp."""

    requests: int
    failures: int
    p95_ms: float
    seconds: float

    @property
    def error_percent(self) -> float:
        """Of 100 requests, so many failed."""
        return 100 * self.failures / self.requests if self.requests else 100.0

    @property
    def rate(self) -> float:
        """Requests a second that did not fail."""
        return (self.requests - self.failures) / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Verdict:
    """One target and what was measured."""

    what: str
    measured: float
    target: float
    met: bool

    def __str__(self) -> str:
        """One line."""
        word = "met" if self.met else "MISSED"
        return f"{self.what}: {self.measured:.4g} (target {self.target:.4g}) {word}"


def judge(figures: Figures, targets: Targets) -> list[Verdict]:
    """Compare with every target."""
    p95, errors, rate = figures.p95_ms, figures.error_percent, figures.rate
    allowed, wanted = targets.error_percent, targets.requests_per_second
    slow = p95 > targets.p95_ms or not figures.requests
    return [
        Verdict("95th percentile in ms, at most", p95, targets.p95_ms, not slow),
        Verdict("failed requests in %, at most", errors, allowed, errors <= allowed),
        Verdict("answered requests/s, at least", rate, wanted, rate >= wanted),
    ]


def passed(verdicts: list[Verdict]) -> bool:
    """Tell whether every target is met."""
    return all(verdict.met for verdict in verdicts)


def decide(figures: Figures, targets: Targets) -> bool:
    """Say how each target was met; tell whether all were."""
    verdicts = judge(figures, targets)
    sys.stdout.write("".join(f"{verdict}\n" for verdict in verdicts))
    return passed(verdicts)
