"""One request over HTTP/3."""

import asyncio
import ssl

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import QuicEvent

SECONDS = 10


class Exchange(QuicConnectionProtocol):
    """Sends one request and gathers its answer."""

    def ask(self, host: str, path: str) -> "asyncio.Future[tuple[dict[str, str], bytes]]":
        """Send a GET request."""
        self.http = H3Connection(self._quic)
        self.answer = asyncio.get_running_loop().create_future()
        self.headers: dict[str, str] = {}
        self.body = b""
        stream = self._quic.get_next_available_stream_id()
        fields = {":method": "GET", ":scheme": "https", ":authority": host, ":path": path}
        pairs = [(name.encode(), value.encode()) for name, value in fields.items()]
        self.http.send_headers(stream, pairs, end_stream=True)
        self.transmit()
        return self.answer

    def quic_event_received(self, event: QuicEvent) -> None:
        """Take what belongs to the answer."""
        if not hasattr(self, "http"):
            return
        for part in self.http.handle_event(event):
            if isinstance(part, HeadersReceived):
                self.headers |= {name.decode(): value.decode() for name, value in part.headers}
            elif isinstance(part, DataReceived):
                self.body += part.data
            if isinstance(part, HeadersReceived | DataReceived) and part.stream_ended:
                self.answer.set_result((self.headers, self.body))


def get(port: int, host: str, path: str) -> tuple[dict[str, str], bytes]:
    """Give the headers, `:status` among them, and the body."""
    configuration = QuicConfiguration(
        alpn_protocols=H3_ALPN, server_name=host, verify_mode=ssl.CERT_NONE
    )

    async def exchange() -> tuple[dict[str, str], bytes]:
        async with connect(
            "127.0.0.1", port, configuration=configuration, create_protocol=Exchange
        ) as client:
            assert isinstance(client, Exchange)
            return await asyncio.wait_for(client.ask(host, path), SECONDS)

    return asyncio.run(exchange())
