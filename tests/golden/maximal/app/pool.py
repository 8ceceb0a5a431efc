"""The connections of one process: settings, its share of the server, the queue in front of them."""

import asyncio
import logging
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

from pydantic import (
    BaseModel,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
)

from app.errors import UnavailableError
from app.events import gauge

if TYPE_CHECKING:
    from app.settings import Settings

logger = logging.getLogger("app.database")


class DatabaseSettings(BaseModel):
    """Where the database is, and how many connections are opened to it. Times are in seconds."""

    url: SecretStr
    pool_size: PositiveInt
    """Connections that stay open."""
    max_overflow: NonNegativeInt
    """Further connections at peaks; closed when they are given back."""
    pool_timeout: PositiveFloat
    """The longest wait for a free connection; then the answer is 503."""
    pool_recycle: PositiveInt
    """The age at which a connection is replaced; below every idle limit on the way."""
    pool_pre_ping: bool
    """Test a connection that was idle before it is used: no error after a server's restart."""
    connections_per_replica: PositiveInt
    """What the worker processes of one replica may open together."""
    fleet_connections: NonNegativeInt = 0
    """What everything that uses the database may open together; 0 where the server has no limit."""
    over_budget: Literal["warn", "refuse"] = "warn"
    """What happens at start-up when the server's limit is below `fleet_connections`."""
    connect_timeout: PositiveFloat
    statement_timeout: NonNegativeFloat
    """The longest that a statement may run; 0 for no limit."""
    application_name: str = "app"
    """How the server's lists of connections name the service."""
    slow_statement_ms: NonNegativeInt


def pool_sizes(settings: "Settings") -> tuple[int, int]:
    """The pool size and overflow of one process.

    The planned sizes, cut where more worker processes were started than planned: together they
    never open more than the replica's share.
    """
    database = settings.database
    share = max(1, database.connections_per_replica // settings.server.workers)
    total = min(database.pool_size + database.max_overflow, share)
    size = min(database.pool_size, total)
    return size, total - size


class Gate:
    """Lets as many tasks through as there are connections, first come, first served.

    A pool alone is not fair: a task that just gave its connection back can take it again before
    those that wait, and some wait until they time out.
    """

    def __init__(self, permits: int, seconds: float) -> None:
        """Wait at most `seconds` for one of the `permits`."""
        self._permits = permits
        self._free = asyncio.Semaphore(permits)
        self._seconds = seconds
        self._used = 0
        self._waiting = 0

    async def __aenter__(self) -> Self:
        """Wait for the turn; `UnavailableError` when it does not come in time."""
        if self._free.locked():
            await self._wait()
        else:
            await self._free.acquire()
        self._used += 1
        return self

    async def __aexit__(self, *_exception: object) -> None:
        """Let the next one through."""
        self._used -= 1
        self._free.release()

    async def _wait(self) -> None:
        self._waiting += 1
        try:
            async with asyncio.timeout(self._seconds):
                await self._free.acquire()
        except TimeoutError as error:
            raise UnavailableError("All database connections are in use") from error
        finally:
            self._waiting -= 1

    def tell(self) -> None:
        """Tell how full it is."""
        gauge("database_connections_used", self._used)
        gauge("database_connections_allowed", self._permits)
        gauge("database_connections_awaited", self._waiting)


@dataclass(frozen=True)
class ServerLimit:
    """How many connections the server allows."""

    connections: int
    reserved: int
    """Kept by the server for administrators."""


def check_budget(settings: "Settings", limit: ServerLimit) -> None:
    """Log the connection budget in one line; warn or stop when it does not fit the server."""
    size, overflow = pool_sizes(settings)
    workers, fleet = settings.server.workers, settings.database.fleet_connections
    usable = limit.connections - limit.reserved
    here = workers * (size + overflow)
    opened, to = max(here, fleet), "here"
    line = (
        f"database connections: {workers} workers x ({size} + {overflow}) = {here} {to}, "
        f"{fleet} for the whole fleet; the server allows "
        f"{limit.connections} - {limit.reserved} reserved = {usable}"
    )
    if opened <= usable:
        logger.info(line)
    elif settings.database.over_budget == "warn":
        logger.warning("%s: too few, some connections will be refused", line)
    else:
        logger.error("%s: too few, not started (APP_DATABASE__OVER_BUDGET=refuse)", line)
        sys.exit(1)
