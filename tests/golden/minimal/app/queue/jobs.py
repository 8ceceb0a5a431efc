"""Jobs: what can be enqueued, with the arguments checked on both sides of the queue."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Concatenate, Generic, ParamSpec, get_type_hints

from pydantic import BaseModel, ConfigDict, create_model

P = ParamSpec("P")

Clients = dict[str, Any]
"""The clients of the components by name, as `app.components.open_components` yields them."""

JOBS: dict[str, "Job[Any]"] = {}
"""Every job that has been imported, by name."""


@dataclass(frozen=True)
class Job(Generic[P]):
    """One kind of background work."""

    name: str
    """Stays the same while messages with it may be waiting: `products.tasks.recount`."""
    function: Callable[Concatenate[Clients, P], Awaitable[None]]
    arguments: type[BaseModel]
    timeout: float
    """Seconds that one attempt may take."""
    retries: int
    """How often it is tried again after a failure, where the queue tries again."""
    schedule: str = ""
    """When it is enqueued by itself, as cron writes it (UTC); empty for never."""
    key: str = ""
    """See `with_key`."""

    async def __call__(self, clients: Clients, *args: P.args, **kwargs: P.kwargs) -> None:
        """Do the work here and now, as tests do."""
        await self.function(clients, *args, **kwargs)

    def with_key(self, key: str) -> "Job[P]":
        """The job with an idempotency key: `app.queue.running.job_key` while it runs.

        The key stays the same when the job is tried again, delivered again or replayed. Store it with
        a unique constraint, or hand it to the service that the job calls, and a second run is noticed.
        The README says which queues also refuse to enqueue a job whose key they know already.
        """
        return replace(self, key=key)

    def dump(self, arguments: dict[str, object]) -> str:
        """The arguments as JSON; pydantic's ValidationError when they do not fit."""
        return self.arguments(**arguments).model_dump_json()

    def load(self, text: str) -> dict[str, object]:
        """The arguments from JSON."""
        return dict(self.arguments.model_validate_json(text))


def job(
    *, name: str | None = None, timeout: float = 60.0, retries: int = 5, schedule: str = ""
) -> Callable[[Callable[Concatenate[Clients, P], Awaitable[None]]], Job[P]]:
    """Make a job of `async def name(clients: dict[str, Any], *, product_id: int) -> None`.

    The clients come first; the keyword-only parameters travel through the queue as JSON. A queue may
    run a job more than once (a worker can die after the work and before it says so): write jobs so
    that a second run changes nothing. List the module in `app/jobs.py`, so that workers find it.
    """

    def decorate(function: Callable[Concatenate[Clients, P], Awaitable[None]]) -> Job[P]:
        module = function.__module__.removeprefix("app.")
        made = Job(
            name or f"{module}.{function.__name__}",
            function,
            _arguments_model(function),
            timeout,
            retries,
            schedule,
        )
        if made.name in JOBS:
            raise ValueError(f"two jobs are named {made.name}")
        JOBS[made.name] = made
        return made

    return decorate


def _arguments_model(function: Callable[..., object]) -> type[BaseModel]:
    hints = get_type_hints(function, include_extras=True)
    _, *parameters = inspect.signature(function).parameters.values()
    for parameter in parameters:
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            raise TypeError(f"{function.__qualname__}: {parameter.name} must be keyword-only")
    fields: dict[str, Any] = {
        parameter.name: (
            hints[parameter.name],
            ... if parameter.default is inspect.Parameter.empty else parameter.default,
        )
        for parameter in parameters
    }
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=False)
    return create_model(f"{function.__name__}_arguments", __config__=config, **fields)
