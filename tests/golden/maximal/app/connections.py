"""How open connections end when the server stops."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LAST_SECONDS = 0.5
"""How long a proxy may still send on a connection: much longer than the way to it and back."""
CLOSE = (b"connection", b"close")


class Connection(HttpToolsProtocol):
    """Answers what is on its way when the server stops, and says that the connection ends.

    A connection that is closed while it looks idle takes the request with it that a proxy has just
    sent: the proxy cannot know whether it was carried out, and does not repeat one that writes.
    """

    def shutdown(self) -> None:
        """Close after the next answer, or when none was asked for."""
        headers = self.server_state.default_headers
        if CLOSE not in headers:
            headers.append(CLOSE)
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(LAST_SECONDS, super().shutdown)
        else:
            super().shutdown()
