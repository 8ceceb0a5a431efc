"""Conditional requests (RFC 9110, section 13): do not send what is known, do not lose updates.

The entity tag of a record is its version. A proxy that compresses marks tags as weak (`W/`); the
mark is ignored in both directions, because the version says exactly what the client has seen.
"""

import re
from http import HTTPStatus
from typing import Annotated

from fastapi import Header, Request, Response
from pydantic import BaseModel

IfMatch = Annotated[str | None, Header(description="Entity tags that may be changed")]

TAG = re.compile(r'(?:W/)?"(\d{1,18})"')


def entity_tag(version: int) -> str:
    """The tag of a record's version."""
    return f'"{version}"'


def answer(request: Request, record: BaseModel, version: int) -> Response:
    """The record with its tag; 304 without a body when the client has this version.

    A response, and the header read here: FastAPI would validate both once more.
    """
    headers = {"ETag": entity_tag(version), "Cache-Control": "private, no-cache"}
    if _is_known(version, request.headers.get("if-none-match")):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(record.model_dump_json(), media_type="application/json", headers=headers)


def _is_known(version: int, if_none_match: str | None) -> bool:
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or str(version) in TAG.findall(if_none_match)


def accepted_versions(if_match: str | None) -> list[int] | None:
    """The versions that the client is ready to change; None for whichever is there."""
    if if_match is None or if_match.strip() == "*":
        return None
    return [int(version) for version in TAG.findall(if_match)]
