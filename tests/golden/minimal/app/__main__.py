"""`python -m app` starts the server with the settings of its environment."""

import os
from pathlib import Path

import uvicorn

from app.connections import Connection
from app.logging import configure_logging
from app.settings import load_settings
from app.workers import prepare

FIRST_INHERITED = 3
"""The descriptor that systemd gives a socket-activated service first (sd_listen_fds(3))."""


def inherited_socket() -> int | None:
    """The socket that systemd opened for this process, instead of `host` and `port`."""
    opened_for_us = os.environ.get("LISTEN_PID") == str(os.getpid())
    return FIRST_INHERITED if opened_for_us and os.environ.get("LISTEN_FDS") == "1" else None


def main() -> None:
    """Start uvicorn; wrong settings are one line each and exit code 2."""
    settings = load_settings()
    configure_logging(settings.log)
    server = settings.server
    uvicorn.run(
        "app.main:app",
        host=server.host,
        port=server.port,
        fd=inherited_socket(),
        workers=prepare(settings),
        reload=server.reload,
        reload_dirs=[str(Path(__file__).parent)] if server.reload else None,
        # Not the default, "auto": it silently takes slower ones where these are not installed.
        loop="uvloop",
        http=Connection,
        log_config=None,
        access_log=False,  # app.middleware writes one line per request, at a tenth of the cost
        server_header=False,
        forwarded_allow_ips=server.trusted_proxies,
        backlog=server.backlog,
        limit_concurrency=server.limit_concurrency,
        limit_max_requests=server.max_requests or None,
        limit_max_requests_jitter=server.max_requests_jitter,
        timeout_keep_alive=server.keep_alive,
        timeout_graceful_shutdown=server.graceful_timeout,
        timeout_worker_healthcheck=server.worker_healthcheck,
    )


if __name__ == "__main__":
    main()
