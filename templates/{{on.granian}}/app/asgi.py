"""The application as granian runs it: with the client's address from the trusted proxies, and its stop."""

from granian.utils.proxies import wrap_asgi_with_proxy_headers

from app.connections import Connections
from app.main import app as application
from app.settings import Settings

_settings: Settings = application.state.settings
_trusted = [address.strip() for address in _settings.server.trusted_proxies.split(",")]

app = Connections(wrap_asgi_with_proxy_headers(application, trusted_hosts=_trusted))
