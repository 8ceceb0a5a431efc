"""Fewer combinations than all: those in which every two, or every three, things meet."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from combinations import Answers

Seen = tuple[tuple[bool, ...], tuple[object, ...]]
"""Which layers are on, and the answers that are looked at."""

TRIED = 8
"""Members of a group among which the one is taken that meets the most others for the first time."""


def triples(members: Mapping[Seen, Answers]) -> list[Answers]:
    """Enough members that every three things that are read together in any are so in one of these."""
    met, found = set[tuple[tuple[int, Any], ...]](), list[Answers]()
    for (flags, shown), answers in members.items():
        together = set(itertools.combinations(enumerate((*flags, *shown)), 3)) - met
        if together:
            met |= together
            found.append(answers)
    return found


def pairwise(groups: list[list[Answers]]) -> Iterator[Answers]:
    """Rows in which every two members of different groups meet."""
    positions, met = range(len(groups)), set[tuple[int, int, int, int]]()
    turn = 0
    for one, other in itertools.combinations(positions, 2):
        for a, b in itertools.product(range(len(groups[one])), range(len(groups[other]))):
            if (one, a, other, b) in met:
                continue
            row = {one: a, other: b}
            for position in positions:
                if position not in row:
                    row[position] = _most_new(position, len(groups[position]), row, met, turn)
            turn += TRIED
            met |= {_pair(*x, *y) for x, y in itertools.combinations(row.items(), 2)}
            yield joined([groups[position][index] for position, index in row.items()])


def joined(parts: Iterable[Answers]) -> Answers:
    """The answers of all parts."""
    return {key: value for part in parts for key, value in part.items()}


def _most_new(
    position: int, size: int, row: Mapping[int, int], met: set[tuple[int, int, int, int]], turn: int
) -> int:
    tried = [(turn + step) % size for step in range(min(TRIED, size))]
    return max(tried, key=lambda one: sum(_pair(position, one, *x) not in met for x in row.items()))


def _pair(one: int, a: int, other: int, b: int) -> tuple[int, int, int, int]:
    return (one, a, other, b) if one < other else (other, b, one, a)
