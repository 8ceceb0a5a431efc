"""One flight per key: who asks for what is being loaded waits for that load."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """The loads that are under way in this process."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Future[T]] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._running

    async def run(self, key: str, load: Callable[[], Awaitable[T]]) -> T:
        """The result of `load`, or of the load of `key` that is under way; its errors too.

        The first caller runs `load` itself, with its own resources. If that caller is cancelled,
        one of those who wait takes over with its own `load`.
        """
        while (flight := self._running.get(key)) is not None:
            await asyncio.wait([flight])
            if not flight.cancelled():
                return flight.result()
        return await self._lead(key, load)

    async def _lead(self, key: str, load: Callable[[], Awaitable[T]]) -> T:
        flight = self._running[key] = asyncio.get_running_loop().create_future()
        try:
            result = await load()
        except Exception as error:
            flight.set_exception(error)
            flight.exception()  # nobody may be waiting: that is not "never retrieved"
            raise
        else:
            flight.set_result(result)
            return result
        finally:
            flight.cancel()  # does nothing once there is a result
            del self._running[key]
