"""Clients that close the connection before they have the answer."""

from http import HTTPStatus

from fastapi import Request

from app.errors import ServiceError


class ClientGoneError(ServiceError):
    """The client closed the connection; its transaction is rolled back, nobody reads this."""

    status = HTTPStatus.BAD_REQUEST


async def has_left(request: Request) -> bool:
    """Whether the client closed the connection."""
    # Looks at one message; where the route has no body, the first one is the empty body.
    return await request.is_disconnected() or await request.is_disconnected()
