"""Things that happen inside the service, for those who count or follow them: they register here.

Whoever makes things happen (cache, queue, database, outbound calls) names them and knows nothing of
metrics and traces.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple


class Event(NamedTuple):
    """One event: `kind` says what a metric makes of `value`."""

    kind: str
    """`count` (add to a counter), `gauge` (the present value) or `seconds` (a duration)."""
    name: str
    value: float
    labels: Mapping[str, str]
    """A handful of known values each, never an id."""


class Call(NamedTuple):
    """A call to another system that has ended just now, in the context of whoever made it."""

    system: str
    """What it is, in one word."""
    seconds: float
    name: str
    """What was done: one of a handful of words; empty where `text` says it."""
    text: str
    """The statement, without its parameters; empty where there is none."""
    error: str
    """The kind of failure; empty where there was none."""


Listener = Callable[[Event], None]

listeners: list[Listener] = []
"""Called for every event of the process, in the place where it happens: be quick."""

call_listeners: list[Callable[[Call], None]] = []
"""The same for every call to another system."""


samplers: list[Callable[[], None]] = []
"""Called every second where somebody measures: they tell gauges of what changes too often for that."""


@contextmanager
def sampling(tell: Callable[[], None]) -> Iterator[None]:
    """Have `tell` called every second."""
    samplers.append(tell)
    try:
        yield
    finally:
        samplers.remove(tell)


def count(name: str, amount: float = 1, **labels: str) -> None:
    """`amount` more of `name`."""
    _tell("count", name, amount, labels)


def gauge(name: str, value: float, **labels: str) -> None:
    """`name` is now `value`."""
    _tell("gauge", name, value, labels)


def duration(name: str, seconds: float, **labels: str) -> None:
    """`name` took `seconds`."""
    _tell("seconds", name, seconds, labels)


def called(system: str, seconds: float, *, name: str = "", text: str = "", error: str = "") -> None:
    """`system` was asked for `name`, or for `text`, and answered or failed after `seconds`."""
    if call_listeners:
        call = Call(system, seconds, name, text, error)
        for listener in call_listeners:
            listener(call)


def _tell(kind: str, name: str, value: float, labels: Mapping[str, str]) -> None:
    if listeners:
        event = Event(kind, name, value, labels)
        for listener in listeners:
            listener(event)
