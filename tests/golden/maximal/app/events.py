"""Things that happen inside the service, for those who count them: metrics register here.

Whoever makes things happen (cache, queue, outbound calls) names them and knows nothing of metrics.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple


class Event(NamedTuple):
    """One event: `kind` says what a metric makes of `value`."""

    kind: str
    """`count` (add to a counter), `gauge` (the present value) or `seconds` (a duration)."""
    name: str
    value: float
    labels: Mapping[str, str]
    """A handful of known values each, never an id."""


Listener = Callable[[Event], None]

listeners: list[Listener] = []
"""Called for every event of the process, in the place where it happens: be quick."""


def count(name: str, amount: float = 1, **labels: str) -> None:
    """`amount` more of `name`."""
    _tell("count", name, amount, labels)


def gauge(name: str, value: float, **labels: str) -> None:
    """`name` is now `value`."""
    _tell("gauge", name, value, labels)


def duration(name: str, seconds: float, **labels: str) -> None:
    """`name` took `seconds`."""
    _tell("seconds", name, seconds, labels)


def _tell(kind: str, name: str, value: float, labels: Mapping[str, str]) -> None:
    if listeners:
        event = Event(kind, name, value, labels)
        for listener in listeners:
            listener(event)
