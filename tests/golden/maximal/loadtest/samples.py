"""Reads the samples of a run of JMeter."""

import csv
from math import ceil
from pathlib import Path
from typing import NamedTuple

from loadtest.verdict import Figures


class Sample(NamedTuple):
    """One request: when it began, in seconds since 1970, and how it went."""

    began: float
    milliseconds: int
    failed: bool


def read_samples(path: Path, ramp_seconds: float) -> Figures:
    """Read what was measured after the ramp."""
    with path.open(encoding="utf-8", newline="") as file:
        samples = [_sample(row) for row in csv.DictReader(file)]
    if not samples:
        return Figures(0, 0, 0.0, 0.0)
    ramp_end = min(sample.began for sample in samples) + ramp_seconds
    counted = [sample for sample in samples if sample.began >= ramp_end]
    seconds = max(sample.began for sample in samples) - ramp_end
    times = sorted(sample.milliseconds for sample in counted)
    failures = sum(sample.failed for sample in counted)
    return Figures(len(counted), failures, _percentile(times, 0.95), max(seconds, 0.0))


def _sample(row: dict[str, str]) -> Sample:
    return Sample(int(row["timeStamp"]) / 1000, int(row["elapsed"]), row["success"] != "true")


def _percentile(times: list[int], share: float) -> float:
    return times[ceil(share * len(times)) - 1] if times else 0.0
