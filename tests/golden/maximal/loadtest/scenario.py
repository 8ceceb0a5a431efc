"""The requests of the load test: the data that they read first, then the mix without end."""

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from itertools import count
from random import Random
from typing import NamedTuple
from uuid import uuid4

from loadtest.plan import Plan, Step

HEADERS = {"Content-Type": "application/json"}
PLACE = re.compile(r"\{(\w+)\}")
NUMBERS = 200
"""`{number}` is below it: as far as lists have pages after seeding."""
SEED_SECONDS = 10
"""The longest wait for one answer while seeding."""


class Request(NamedTuple):
    """One request."""

    name: str
    method: str
    path: str
    body: str


class Requests:
    """Makes requests from the plan and from what the service answered while it was seeded."""

    def __init__(self, plan: Plan) -> None:
        """Begin without values."""
        self._plan = plan
        self._random = Random()  # noqa: S311 - a mix, no secrets
        self._run = uuid4().hex[:8]
        self._numbers = count()
        self._values: dict[str, list[str]] = {}

    def seed(self, address: str) -> None:
        """Store what the mix reads, and keep the values that it needs."""
        for step in self._plan.seed:
            for _ in range(step.times):
                self._take(step, _answer(address, self._filled(step)))

    def mix(self, *, stood_in: bool) -> Iterator[Request]:
        """Draw requests by their weights; those to stand-ins only where there are some."""
        steps = [step for step in self._plan.mix if stood_in or not step.stood_in]
        weights = [step.weight for step in steps]
        while True:
            yield self._filled(self._random.choices(steps, weights)[0])

    def pause(self) -> float:
        """Seconds that a user thinks before the next request."""
        return self._plan.load.think_seconds * self._random.uniform(0.5, 1.5)

    def _take(self, step: Step, answer: dict[str, object]) -> None:
        for name, key in step.take.items():
            if answer.get(key) is not None:
                self._values.setdefault(name, []).append(str(answer[key]))

    def _filled(self, step: Step) -> Request:
        path, body = (PLACE.sub(self._value, text) for text in (step.path, step.body))
        return Request(step.name, step.method, path, body)

    def _value(self, place: re.Match[str]) -> str:
        if place[1] == "unique":
            return f"{self._run}-{next(self._numbers)}"
        if place[1] == "number":
            return str(self._random.randrange(NUMBERS))
        return self._random.choice(self._values[place[1]])


def _answer(address: str, request: Request) -> dict[str, object]:
    """Send a request and decode its answer; a service that is busy is asked again."""
    data = request.body.encode() or None
    asked = urllib.request.Request(  # noqa: S310 - the address that the person gave
        address + request.path, data, HEADERS, method=request.method
    )
    deadline = time.monotonic() + SEED_SECONDS
    while True:
        try:
            with urllib.request.urlopen(asked, timeout=SEED_SECONDS) as response:  # noqa: S310
                answer: dict[str, object] = json.loads(response.read())
                return answer
        except urllib.error.HTTPError as error:
            if error.code != 503 or time.monotonic() > deadline:
                raise
            time.sleep(0.5)
