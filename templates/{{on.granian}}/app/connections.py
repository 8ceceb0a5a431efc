"""How open connections end when granian stops."""

import asyncio
import signal

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LAST_SECONDS = 0.5
"""How long a proxy may still send on a connection: much longer than the way to it and back."""
CLOSE = (b"connection", b"close")


class Connections:
    """Answers for a moment more when the worker is to stop, and says that each connection ends.

    granian closes connections that look idle at once. That takes the request with it that a proxy
    has just sent: the proxy cannot know whether it was carried out, and does not repeat one that
    writes.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self.app = app
        self.stopping = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the signal to stop over from granian at the start; then pass everything on."""
        if scope["type"] == "lifespan":
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._stop)
        await self.app(scope, receive, _last(send) if self.stopping else send)

    def _stop(self) -> None:
        if not self.stopping:
            self.stopping = True
            # The signal that granian still listens to.
            later = asyncio.get_running_loop().call_later
            later(LAST_SECONDS, signal.raise_signal, signal.SIGINT)


def _last(send: Send) -> Send:
    async def closing(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), CLOSE]}
        await send(message)

    return closing
