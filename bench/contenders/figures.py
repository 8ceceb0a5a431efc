"""Tables of the turns, and whether the goals are met."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from .launch import Turn
from .ours import BARE, RECIPE, RENDERED, TUNED

Turns = Mapping[str, Sequence[Turn]]

COLUMNS: Mapping[str, tuple[Callable[[Turn], float], int]] = {
    "us of the processor": (lambda turn: turn.work, 0),
    "p50 ms": (lambda turn: turn.middle, 2),
    "p99 ms": (lambda turn: turn.slowest, 2),
    "MB of a worker": (lambda turn: turn.memory, 0),
    "MB in all": (lambda turn: turn.whole, 0),
    "start in s": (lambda turn: turn.start, 2),
    "of the processor": (lambda turn: turn.start_work, 2),
}


def middle(turns: Sequence[Turn], figure: Callable[[Turn], float]) -> float:
    """The median of one figure."""
    return median(map(figure, turns))


def rate(turn: Turn) -> float:
    """Requests per second."""
    return turn.rate


def table(turns: Turns, reference: str) -> str:
    """Medians of everything, with the ratio of the throughput to that of `reference`."""
    base = middle(turns[reference], rate)
    titles = ["case", "requests/s", "min-max", "ratio", *COLUMNS]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for name, done in turns.items():
        rates = [turn.rate for turn in done]
        cells = [name, f"{median(rates):.0f}", f"{min(rates):.0f}-{max(rates):.0f}"]
        cells.append(f"{median(rates) / base:.2f}")
        cells += [f"{middle(done, read):.{digits}f}" for read, digits in COLUMNS.values()]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


@dataclass(frozen=True)
class Goal:
    """A bound on the ratio of one figure of ours to that of another contender."""

    text: str
    bound: float
    ratio: float
    at_least: bool = True
    work: float | None = None
    """The ratio that the processor times alone give: it holds on a busy machine too."""

    def line(self) -> str:
        """Give the line of the table."""
        met = self.ratio >= self.bound if self.at_least else self.ratio <= self.bound
        sign = "at least" if self.at_least else "at most"
        work = "" if self.work is None else f"{self.work:.2f}"
        cells = [self.text, f"{sign} {self.bound:.2f}", f"{self.ratio:.2f}", work]
        return f"| {' | '.join(cells)} | {'met' if met else '**missed**'} |"


def goals(row: Turns, pairs: Mapping[str, Turns]) -> str:
    """Say which goals are met; those of parts that did not run are not told."""
    found = _row_goals(row) if row else []
    for route, turns in pairs.items():
        rival = next(name for name in turns if name != RENDERED)
        found.append(_throughput(route, 2.0, turns, rival))
    lines = ["| rendered service | goal | seen | by processor time | |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *(goal.line() for goal in found)])


def _row_goals(row: Turns) -> list[Goal]:
    def ratio(figure: Callable[[Turn], float]) -> float:
        return middle(row[RENDERED], figure) / middle(row[BARE], figure)

    p99, start, work = (
        ratio(figure)
        for figure in (
            lambda turn: turn.slowest,
            lambda turn: turn.start,
            lambda turn: turn.start_work,
        )
    )
    return [
        _throughput(BARE, 1.05, row, BARE),
        _throughput(TUNED, 0.90, row, TUNED),
        _throughput(RECIPE, 4.5, row, RECIPE),
        Goal(f"p99, of {BARE}", 1.0, p99, at_least=False),
        Goal(f"cold start, of {BARE}", 1.3, start, at_least=False, work=work),
    ]


def _throughput(name: str, bound: float, turns: Turns, other: str) -> Goal:
    ratio = middle(turns[RENDERED], rate) / middle(turns[other], rate)
    work = middle(turns[other], _work) / middle(turns[RENDERED], _work)
    return Goal(f"throughput, of {name}", bound, ratio, work=work)


def _work(turn: Turn) -> float:
    return turn.work
