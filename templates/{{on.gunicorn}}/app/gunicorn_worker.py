"""gunicorn's worker: uvicorn, with the limits that gunicorn has no names for."""

from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker  # type: ignore[import-untyped]  # it carries no types

from app.connections import Connection
from app.settings import load_settings

_server = load_settings().server


class Worker(UvicornWorker):  # type: ignore[misc]  # as above
    """Stops by itself within `graceful_timeout`, so that connections and pools are closed."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        # Not the default, "auto": it silently takes slower ones where these are not installed.
        "loop": "uvloop",
        "http": Connection,
        "access_log": False,  # app.middleware writes one line per request, at a tenth of the cost
        "server_header": False,
        "limit_concurrency": _server.limit_concurrency,
        "timeout_graceful_shutdown": _server.graceful_timeout,
    }
