"""Users of Locust that ask what `mix.toml` says; the targets decide the exit code.

`python -m loadtest locust` runs this without its web page; with it: `locust -f loadtest/locustfile.py`.
"""

import os
from collections.abc import Iterator

from locust import FastHttpUser, events, task
from locust.env import Environment
from locust.runners import WorkerRunner

from loadtest.plan import read_plan
from loadtest.scenario import HEADERS, Request, Requests
from loadtest.verdict import Figures, decide

PLAN = read_plan()
REQUESTS = Requests(PLAN)
MIX: Iterator[Request] = REQUESTS.mix(stood_in=bool(os.environ.get("LOADTEST_STOOD_IN")))


class Visitor(FastHttpUser):
    """Asks, thinks, asks again."""

    def wait_time(self) -> float:
        """Seconds between an answer and the next request."""
        return REQUESTS.pause()

    @task
    def ask(self) -> None:
        """Send the next request of the mix."""
        asked = next(MIX)
        self.client.request(
            asked.method,
            asked.path,
            name=asked.name,
            data=asked.body or None,
            headers=HEADERS if asked.body else {},
        )


def seed(environment: Environment, **_: object) -> None:
    """Store what is read, before the first user comes; needs `--host`."""
    REQUESTS.seed(environment.host or "")


def end(environment: Environment, **_: object) -> None:
    """Say how each target was met; the exit code is 1 where one was missed."""
    if isinstance(environment.runner, WorkerRunner):
        return  # counted by the process that it works for
    total = environment.stats.total
    figures = Figures(
        total.num_requests,
        total.num_failures,
        total.get_response_time_percentile(0.95),
        (total.last_request_timestamp or total.start_time) - total.start_time,
    )
    environment.process_exit_code = 0 if decide(figures, PLAN.targets) else 1


events.init.add_listener(seed)
events.quitting.add_listener(end)
