"""How SQLAlchemy connects through psycopg 3."""

from math import ceil
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, make_url

if TYPE_CHECKING:
    from app.settings import Settings

BROKEN: tuple[type[Exception], ...] = ()
"""What the driver raises when the server goes away in its midst, and SQLAlchemy passes on as it is."""


def url(text: str) -> URL:
    """The URL with this driver's name, whichever spelling of `postgresql://` was given."""
    return make_url(text).set(drivername="postgresql+psycopg")


def options(settings: "Settings") -> dict[str, Any]:
    """Arguments of `create_async_engine`."""
    database = settings.database
    limit = database.statement_timeout
    return {
        "connect_args": {
            "application_name": database.application_name,
            # libpq takes whole seconds and reads 1 as 2.
            "connect_timeout": ceil(database.connect_timeout),
            "options": f"-c statement_timeout={limit * 1000:.0f}",
            # The server ends a statement by itself; this ends the wait for a server that is gone.
            "tcp_user_timeout": f"{database.connect_timeout * 1000:.0f}",
        },
    }
