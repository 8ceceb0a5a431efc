"""Keys: the same arguments give the same key in every process, today and after a restart.

`hash()` cannot be used: Python salts the hash of text anew in each process.
"""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from hashlib import blake2b
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_jsonable_python

DIGEST_BYTES = 16
"""128 bits: two different keys of one namespace will not meet by chance."""


def digest(*parts: bytes) -> str:
    """A short name for the parts; their boundaries count."""
    state = blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        state.update(b"%d:" % len(part))
        state.update(part)
    return state.hexdigest()


def key_of(name: str, arguments: Mapping[str, object]) -> str:
    """The key of a call: the qualified name and a digest of the arguments, whatever their order."""
    return f"{name}:{digest(canonical(arguments))}"


def canonical(value: object) -> bytes:
    """One JSON text for equal values: keys sorted, sets sorted, no spaces.

    Raises TypeError for what is no value, such as a session: that is a dependency.
    """
    return _ENCODER.encode(value).encode()


def _plain(value: object) -> Any:  # noqa: ANN401 - whatever JSON can hold
    if isinstance(value, set | frozenset):
        return sorted(value, key=canonical)
    if isinstance(value, BaseModel):
        return dict(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    try:
        return to_jsonable_python(value)
    except PydanticSerializationError as error:
        message = f"{type(value).__qualname__} cannot be part of a cache key"
        raise TypeError(message) from error


# Made once: `json.dumps` with options makes one for each call.
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_plain)
