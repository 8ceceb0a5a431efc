"""What must wait until the transaction is committed: dropping cached copies, enqueueing jobs.

Done earlier, a job could look for a row that no other connection can see yet, or a cached copy could
be filled again from the old row; and both would have happened even when the commit fails.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Annotated, ParamSpec

from fastapi import Depends

P = ParamSpec("P")

logger = logging.getLogger("app.after_commit")


class Deferred:
    """Calls that are made, in the order of their registration, after the commit."""

    def __init__(self) -> None:
        self._calls: list[Callable[[], Awaitable[object]]] = []

    def __call__(
        self, call: Callable[P, Awaitable[object]], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Register `call(*args, **kwargs)`."""
        self._calls.append(partial(call, *args, **kwargs))

    async def run(self) -> None:
        """Make the calls; one that fails is logged: what was committed stays committed."""
        for call in self._calls:
            try:
                await call()
            except Exception:
                logger.exception("failed after the commit: %r", call)


async def _deferred() -> AsyncIterator[Deferred]:
    deferred = Deferred()
    # An error, that of the commit included, arrives here and skips the calls.
    yield deferred
    await deferred.run()


AfterCommit = Annotated[Deferred, Depends(_deferred, scope="function")]
"""The transaction of a request depends on it, so it is left after the commit, before the answer."""
