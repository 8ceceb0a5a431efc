"""gunicorn's configuration: its names on the left, the service's settings on the right."""

from app.settings import load_settings
from app.workers import release

_settings = load_settings()
_server = _settings.server

bind = f"{_server.host}:{_server.port}"
workers = _server.workers
worker_class = "app.gunicorn_worker.Worker"
backlog = _server.backlog
reload = _server.reload
keepalive = _server.keep_alive
max_requests = _server.max_requests
max_requests_jitter = _server.max_requests_jitter
forwarded_allow_ips = _server.trusted_proxies
timeout = _settings.gunicorn.worker_timeout
# Longer than the worker's own limit: gunicorn kills, and a killed worker closes nothing.
graceful_timeout = _settings.gunicorn.manager_timeout
# The socket for `gunicornc` would be a way in, and needs a home directory that can be written.
control_socket_disable = True
# Everything is logged by the root logger, which app.logging sets up, in one form.
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "root": {"level": _settings.log.level},
    "loggers": {
        "gunicorn.error": {"level": _settings.log.level, "propagate": True},
        "gunicorn.access": {"level": "CRITICAL", "propagate": True},
    },
}


def on_exit(_arbiter: object) -> None:
    """Called in the parent process at its end; what `app.__main__` registered is gone by exec."""
    release()
