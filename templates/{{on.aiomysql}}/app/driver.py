"""How SQLAlchemy connects through aiomysql."""

from math import ceil
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, make_url

from app import dialect

if TYPE_CHECKING:
    from app.settings import Settings

BROKEN: tuple[type[Exception], ...] = ()
"""What the driver raises when the server goes away in its midst, and SQLAlchemy passes on as it is."""


def url(text: str) -> URL:
    """The URL with this driver's name, and the character set that holds every character."""
    return make_url(text).set(drivername="mysql+aiomysql").update_query_dict({"charset": "utf8mb4"})


def options(settings: "Settings") -> dict[str, Any]:
    """Arguments of `create_async_engine`."""
    database = settings.database
    return {
        "connect_args": {
            "connect_timeout": ceil(database.connect_timeout),
            "init_command": dialect.session(database),
        },
    }
