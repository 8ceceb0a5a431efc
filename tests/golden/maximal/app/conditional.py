"""Conditional requests (RFC 9110, section 13): do not send what is known, do not lose updates.

The entity tag of a record is its version. A proxy that compresses marks tags as weak (`W/`); the
mark is ignored in both directions, because the version says exactly what the client has seen.
"""

import re
from typing import Annotated

from fastapi import Header

IfNoneMatch = Annotated[str | None, Header(description="Entity tags that the client has")]
IfMatch = Annotated[str | None, Header(description="Entity tags that may be changed")]

TAG = re.compile(r'(?:W/)?"(\d{1,18})"')


def entity_tag(version: int) -> str:
    """The tag of a record's version."""
    return f'"{version}"'


def is_known(version: int, if_none_match: str | None) -> bool:
    """Whether the client has this version already: the answer is then 304."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or str(version) in TAG.findall(if_none_match)


def accepted_versions(if_match: str | None) -> list[int] | None:
    """The versions that the client is ready to change; None for whichever is there."""
    if if_match is None or if_match.strip() == "*":
        return None
    return [int(version) for version in TAG.findall(if_match)]
