"""`python -m app` starts the server with the settings of its environment."""

import multiprocessing
from pathlib import Path

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings

from app.logging import configure_logging
from app.settings import load_settings
from app.workers import prepare

MILLISECONDS = 1000


def main() -> None:
    """Start granian; wrong settings are one line each and exit code 2."""
    settings = load_settings()
    configure_logging(settings.log)
    server = settings.server
    # Forked workers would keep what this process has imported before `prepare` set it up.
    multiprocessing.set_start_method("spawn")
    Granian(
        "app.asgi:app",
        address=server.host,
        port=server.port,
        interface=Interfaces.ASGI,
        workers=prepare(settings),
        reload=server.reload,
        reload_paths=[Path(__file__).parent],
        loop=Loops.uvloop,
        # The proxy in front speaks HTTP/1.1 to the service.
        http=HTTPModes.http1,
        # This time also ends connections that have been idle for so long.
        http1_settings=HTTP1Settings(header_read_timeout=server.keep_alive * MILLISECONDS),
        backlog=server.backlog,
        backpressure=server.limit_concurrency,
        respawn_failed_workers=True,
        workers_kill_timeout=settings.granian.manager_timeout,
        log_access=False,  # app.middleware writes one line per request
        log_dictconfig={
            # Everything is logged by the root logger, which app.logging sets up, in one form.
            "root": {"level": settings.log.level},
            "loggers": {"_granian": {"propagate": True}, "granian.access": {"propagate": True}},
        },
    ).serve()


if __name__ == "__main__":
    main()
