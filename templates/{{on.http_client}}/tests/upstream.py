"""Another service, on a free port: it answers what a test tells it to, or nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Upstream:
    """Speaks just enough HTTP/1.1; counts connections and requests."""

    def __init__(self) -> None:
        self.port = 0
        self.statuses: list[int] = []
        """Of the next answers; 200 when there are no more."""
        self.body = b"{}"
        self.answering = asyncio.Event()
        self.answering.set()
        self.connections = 0
        self.requests: list[str] = []
        self.arrived = asyncio.Semaphore(0)
        """Released by each request."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
                self.arrived.release()
                await self.answering.wait()
                status = self.statuses.pop(0) if self.statuses else 200
                head = f"HTTP/1.1 {status} X\r\ncontent-length: {len(self.body)}\r\n\r\n"
                writer.write(head.encode() + self.body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def running() -> AsyncIterator[Upstream]:
    """Run one until the block ends."""
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        upstream.answering.set()
        server.close()
