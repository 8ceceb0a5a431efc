"""How SQLAlchemy connects through asyncpg."""

from typing import TYPE_CHECKING, Any

import asyncpg
from sqlalchemy import URL, make_url

if TYPE_CHECKING:
    from app.settings import Settings

BROKEN: tuple[type[Exception], ...] = (asyncpg.InternalClientError,)
"""What the driver raises when the server goes away in its midst, and SQLAlchemy passes on as it is."""


def url(text: str) -> URL:
    """The URL with this driver's name, whichever spelling of `postgresql://` was given."""
    return make_url(text).set(drivername="postgresql+asyncpg")


def options(settings: "Settings") -> dict[str, Any]:
    """Arguments of `create_async_engine`."""
    database = settings.database
    limit, grace = database.statement_timeout, database.connect_timeout
    return {
        "connect_args": {
            "timeout": database.connect_timeout,
            # The server ends a statement by itself; this ends the wait for a server that is gone.
            "command_timeout": limit + grace if limit else None,
            "server_settings": {
                "application_name": database.application_name,
                "statement_timeout": f"{limit * 1000:.0f}",
            },
        },
    }
