"""Errors that clients see: typed, with their status, as problem details (RFC 9457)."""

import logging
from http import HTTPStatus
from typing import Any, ClassVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from app.logging import request_id

logger = logging.getLogger("app")


class ServiceError(Exception):
    """An expected failure; subclasses carry the status, instances the detail."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, detail: str, *, headers: dict[str, str] | None = None) -> None:
        """Keep what the client reads (`detail`) and extra response headers."""
        super().__init__(detail)
        self.detail = detail
        self.headers = headers


class NotFoundError(ServiceError):
    """What the path names does not exist."""

    status = HTTPStatus.NOT_FOUND


class ConflictError(ServiceError):
    """The request contradicts what is stored."""

    status = HTTPStatus.CONFLICT


class PreconditionFailedError(ServiceError):
    """The client's copy is out of date."""

    status = HTTPStatus.PRECONDITION_FAILED


class UnprocessableError(ServiceError):
    """The request is well formed but cannot be carried out."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class UnavailableError(ServiceError):
    """Something that the service needs does not answer; worth trying again."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, detail: str, *, retry_after: int = 1) -> None:
        """`retry_after` is what clients are asked to wait, in seconds."""
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class DegradedError(Exception):
    """Raised by the check of a component that the service can do without: it stays ready."""


def problem(
    status: int, detail: str = "", *, headers: dict[str, str] | None = None, **members: object
) -> JSONResponse:
    """One problem-details response; `members` are extension members of the document."""
    title = HTTPStatus(status).phrase
    document: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    if detail and detail != title:
        document["detail"] = detail
    if current := request_id.get():
        document["request_id"] = current
    return JSONResponse(
        {**document, **members},
        status_code=status,
        headers=headers,
        media_type="application/problem+json",
    )


def install(app: FastAPI) -> None:
    """Answer every expected failure with problem details.

    What nobody expected is answered (500) and logged by `middleware.RequestMiddleware`.
    """

    @app.exception_handler(ServiceError)
    async def service_error(_request: Request, error: ServiceError) -> JSONResponse:
        return problem(error.status, error.detail, headers=error.headers)

    @app.exception_handler(TimeoutError)
    async def no_answer(_request: Request, error: TimeoutError) -> JSONResponse:
        # Of a driver that gave up waiting: what it asked hangs, or is gone without a word.
        logger.warning("not answered in time", exc_info=error)
        late = UnavailableError("Something that the service needs did not answer in time")
        return problem(late.status, late.detail, headers=late.headers)

    @app.exception_handler(HTTPException)
    async def http_exception(_request: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers) if error.headers else None
        return problem(error.status_code, error.detail, headers=headers)

    @app.exception_handler(RequestValidationError)
    async def invalid_request(_request: Request, error: RequestValidationError) -> JSONResponse:
        fields = [
            {"field": ".".join(map(str, item["loc"])), "message": item["msg"]}
            for item in error.errors()
        ]
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "The request is not valid", errors=fields)
