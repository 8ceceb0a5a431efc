"""How SQLAlchemy connects through aiosqlite."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, make_url

if TYPE_CHECKING:
    from app.settings import Settings

BROKEN: tuple[type[Exception], ...] = ()
"""What the driver raises when the server goes away in its midst, and SQLAlchemy passes on as it is."""


def url(text: str) -> URL:
    """The URL with this driver's name."""
    return make_url(text).set(drivername="sqlite+aiosqlite")


def options(settings: "Settings") -> dict[str, Any]:
    """Arguments of `create_async_engine`: how long to wait for another writer (seconds)."""
    return {"connect_args": {"timeout": settings.database.connect_timeout}}
