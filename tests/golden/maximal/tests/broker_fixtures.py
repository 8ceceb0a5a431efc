"""What stands for the broker where the tests have none."""

from typing import Any

import pytest
import queue_server


class NoBroker:
    """Is always well; the tests of the queue say that the broker is missing."""

    async def check(self) -> None:
        """Nothing to ask."""


@pytest.fixture
async def state(state: dict[str, Any]) -> dict[str, Any]:
    """The opened components; `/readyz` shall not depend on a broker that nobody started."""
    if not queue_server.MISSING:
        return state
    client = NoBroker()
    return state | {"queue": client, "clients": state["clients"] | {"queue": client}}
