"""Types that the resources share: how input is limited, cursors, pages."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated

from fastapi import Path, Query
from pydantic import BeforeValidator, StringConstraints, WithJsonSchema

LARGEST_ID = 2**63 - 1

Id = Annotated[int, Path(ge=1, le=LARGEST_ID)]
"""A record's number as databases hold it (64 bits, signed)."""

# Databases refuse NUL inside text; names have no use for other control characters either.
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, pattern=r"^[^\x00-\x1f\x7f]*$")
]
"""One line of text."""

Limit = Annotated[int, Query(ge=1, le=100, description="The most records of one page")]
Offset = Annotated[int, Query(ge=0, le=10_000_000, description="Records to skip")]


def encode_cursor(last_id: int) -> str:
    """The cursor of the page that follows the record `last_id`."""
    return urlsafe_b64encode(json.dumps({"after": last_id}).encode()).decode().rstrip("=")


def decode_cursor(text: object) -> int | None:
    """The id in a cursor; ValueError for anything that `encode_cursor` did not make."""
    if text is None:
        return None
    try:
        padded = str(text).encode("ascii") + b"=="
        last_id = json.loads(urlsafe_b64decode(padded))["after"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("not a cursor of this service") from error
    if type(last_id) is not int or not 1 <= last_id <= LARGEST_ID:
        raise ValueError("not a cursor of this service")
    return last_id


Cursor = Annotated[
    int | None,
    BeforeValidator(decode_cursor),
    WithJsonSchema({"type": "string"}),
    Query(description="`next_cursor` of the page before"),
]
"""Where a page begins: opaque to clients, the id of the last record before it for us."""
