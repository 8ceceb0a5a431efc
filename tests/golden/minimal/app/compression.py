"""Compression of answers, where nothing in front of the service does it.

A proxy that compresses asks for plain answers, or leaves alone what is compressed already.
"""

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

SMALLEST = 1024
"""Bytes of the smallest body that is compressed: smaller ones fit into one packet as they are."""
LEVEL = 5
"""What higher levels save is a few percent, for more time of the event loop."""


def install(app: FastAPI) -> None:
    """Compress what clients accept compressed; event streams and images go as they are."""
    app.add_middleware(GZipMiddleware, minimum_size=SMALLEST, compresslevel=LEVEL)
