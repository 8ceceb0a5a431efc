"""`@cached`: results of async functions by their keyword arguments."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, get_args, get_type_hints

from fastapi.params import Depends
from pydantic import TypeAdapter

from app.cache.client import CacheClient
from app.cache.keys import key_of

P = ParamSpec("P")
R = TypeVar("R")

KEYWORD_ONLY = inspect.Parameter.KEYWORD_ONLY


def cached(
    *, ttl: float, tags: Sequence[str] = (), early: float = 0.0
) -> Callable[[Callable[P, Awaitable[R]]], Callable[Concatenate[CacheClient, P], Awaitable[R]]]:
    """Keep the results of an async function for `ttl` seconds.

    Keyword-only parameters are the values that the result depends on: they form the key, together
    with the function's qualified name. Positional parameters are what the function works with
    (sessions, repositories, clients) and never enter the key. `tags` may name parameters:
    `"product:{product_id}"`. The decorated function takes the cache as its first argument.
    `early` is explained at `CacheClient.get_or_load`.
    """

    def decorate(
        function: Callable[P, Awaitable[R]],
    ) -> Callable[Concatenate[CacheClient, P], Awaitable[R]]:
        hints = get_type_hints(function, include_extras=True)
        defaults = _key_parameters(function, hints)
        adapter: TypeAdapter[R] = TypeAdapter(hints["return"])
        name = f"{function.__module__}.{function.__qualname__}"

        @wraps(function)
        async def wrapper(cache: CacheClient, /, *args: P.args, **kwargs: P.kwargs) -> R:
            arguments = {**defaults, **kwargs}
            return await cache.get_or_load(
                key_of(name, arguments),
                adapter,
                lambda: function(*args, **kwargs),
                ttl=ttl,
                tags=[tag.format_map(arguments) for tag in tags],
                early=early,
            )

        return wrapper

    return decorate


def _key_parameters(function: Callable[..., object], hints: dict[str, Any]) -> dict[str, object]:
    """The defaults of the keyword-only parameters; what cannot be cached is refused on import."""
    parameters = inspect.signature(function).parameters.values()
    if "return" not in hints:
        raise TypeError(f"{function.__qualname__}: a cached function needs a return annotation")
    keywords = [parameter for parameter in parameters if parameter.kind is KEYWORD_ONLY]
    for parameter in keywords:
        if any(isinstance(part, Depends) for part in get_args(hints.get(parameter.name))):
            raise TypeError(f"{function.__qualname__}: pass {parameter.name} by position")
    return {
        parameter.name: parameter.default
        for parameter in keywords
        if parameter.default is not inspect.Parameter.empty
    }
