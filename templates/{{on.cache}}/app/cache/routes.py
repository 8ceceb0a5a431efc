"""Whole responses from the cache, by the rules of HTTP caching (RFC 9111).

    router = APIRouter(prefix="/products", route_class=CachedRoute)

    @router.get("/{product_id}")
    @cache_response(ttl=30, tags=("product:{product_id}",))
    async def read(product_id: int, products: Products) -> Product: ...

A response is found by method, host, path, query (whatever the order of its names) and the request
headers named in `vary`. A hit is answered before any dependency of the route is opened; that is why
a request that says who asks (`Authorization`, a cookie, an API key) is never answered with what was
stored for another one: it is not cached at all, or with `per_caller` for that caller alone.
"""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from time import time
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic_core import from_json, to_json

from app.cache.client import CacheClient
from app.cache.entries import Entry
from app.cache.keys import digest

F = TypeVar("F", bound=Callable[..., object])
Handler = Callable[[Request], Coroutine[Any, Any, Response]]

POLICY = "__response_policy__"
CREDENTIALS = ("authorization", "cookie", "proxy-authorization", "x-api-key")
"""Request headers that say who asks."""
UNSTORED_HEADERS = frozenset({"content-length", "age", "set-cookie"})


@dataclass(frozen=True, kw_only=True)
class ResponsePolicy:
    """How the responses of a route are kept; times are seconds."""

    ttl: float
    tags: Sequence[str] = ()
    vary: Sequence[str] = ()
    per_caller: bool = False
    early: float = 0.0

    @property
    def cache_control(self) -> str:
        """The header for clients and proxies."""
        return f"{'private' if self.per_caller else 'public'}, max-age={round(self.ttl)}"

    @property
    def varies(self) -> str:
        """The `Vary` header: what else the response depends on."""
        return ", ".join(dict.fromkeys((*self.vary, *CREDENTIALS)))


def cache_response(
    *,
    ttl: float,
    tags: Sequence[str] = (),
    vary: Sequence[str] = (),
    per_caller: bool = False,
    early: float = 0.0,
) -> Callable[[F], F]:
    """Keep what a route answers for `ttl` seconds; its router has `route_class=CachedRoute`.

    `tags` may name path parameters (`"product:{product_id}"`), `vary` names request headers that
    change the response. `per_caller` keeps responses to requests with credentials, for their sender
    alone: within `ttl` a revoked credential still gets what it has seen before.
    """
    policy = ResponsePolicy(
        ttl=ttl,
        tags=tags,
        vary=tuple(name.lower() for name in vary),
        per_caller=per_caller,
        early=early,
    )

    def decorate(endpoint: F) -> F:
        setattr(endpoint, POLICY, policy)
        return endpoint

    return decorate


class CachedRoute(APIRoute):
    """A route that answers from the cache where its endpoint has a policy."""

    def get_route_handler(self) -> Handler:
        """The handler of the route, behind its cache."""
        handler = super().get_route_handler()
        policy: ResponsePolicy | None = getattr(self.endpoint, POLICY, None)
        if policy is None:
            return handler

        async def answer(request: Request) -> Response:
            return await _Exchange(policy, handler, request).answer()

        return answer


def require_cached_routes(app: FastAPI) -> None:
    """Raise when an endpoint has a policy but its router has another route class."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        endpoint: Any = getattr(route, "endpoint", None)
        if hasattr(endpoint, POLICY) and not isinstance(route, CachedRoute):
            message = f"{endpoint.__qualname__}: its router needs route_class=CachedRoute"
            raise TypeError(message)


class _Exchange:
    """One request to a cached route."""

    def __init__(self, policy: ResponsePolicy, handler: Handler, request: Request) -> None:
        self.policy = policy
        self.handler = handler
        self.request = request
        self.response: Response | None = None

    async def answer(self) -> Response:
        policy, headers = self.policy, self.request.headers
        directives = _directives(headers.get("cache-control", headers.get("pragma", "")))
        known = any(name in headers for name in CREDENTIALS)
        if "no-store" in directives or (known and not policy.per_caller):
            return _private(await self.handler(self.request))
        entry = await self._entry(renew=bool({"no-cache", "max-age=0"} & directives))
        if self.response is not None:  # this request made the entry, or its answer cannot be kept
            return self._conditional(self.response)
        if entry is None:  # another request's answer could not be kept: it is for that one alone
            return await self.handler(self.request)
        return self._conditional(_restore(entry))

    async def _entry(self, *, renew: bool) -> Entry | None:
        policy, request = self.policy, self.request
        cache: CacheClient = request.state.clients["cache"]
        tags = [tag.format_map(request.path_params) for tag in policy.tags]
        return await cache.entry(
            self._key(), self._load, ttl=policy.ttl, tags=tags, early=policy.early, renew=renew
        )

    def _key(self) -> str:
        # Read where the server put it: `request.url` would be put together and taken apart for this.
        scope, headers = self.request.scope, self.request.headers
        asked = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        query = sorted(asked, key=lambda pair: pair[0])
        names = (*self.policy.vary, *CREDENTIALS)
        parts = [scope["method"], headers.get("host", ""), scope["path"], repr(query)]
        parts += [f"{name}={','.join(headers.getlist(name))}" for name in names]
        return f"response:{digest(*(part.encode() for part in parts))}"

    async def _load(self) -> bytes | None:
        response = self.response = await self.handler(self.request)
        return _store(response, self.policy) if _storable(response, self.policy) else None

    def _conditional(self, response: Response) -> Response:
        """304 when the client has this version already."""
        tag, asked = response.headers.get("etag"), self.request.headers.get("if-none-match")
        if tag is None or asked is None or response.status_code != 200:
            return response
        candidates = {part.strip().removeprefix("W/") for part in asked.split(",")}
        if "*" not in candidates and tag.removeprefix("W/") not in candidates:
            return response
        kept = {"etag", "cache-control", "vary", "age", "content-location", "expires"}
        headers = {name: value for name, value in response.headers.items() if name in kept}
        return Response(status_code=304, headers=headers, background=response.background)


def _directives(header: str) -> set[str]:
    return {part.strip().lower() for part in header.split(",")}


def _private(response: Response) -> Response:
    """What is said to proxies about a response that is for its sender alone."""
    response.headers.setdefault("cache-control", "private, no-cache")
    return response


def _storable(response: Response, policy: ResponsePolicy) -> bool:
    headers = response.headers
    varies = _directives(headers.get("vary", "")) - {""}
    return (
        response.status_code == 200
        and isinstance(getattr(response, "body", None), bytes)
        and "set-cookie" not in headers
        and not _directives(headers.get("cache-control", "")) & {"no-store", "no-cache", "private"}
        and varies <= {*policy.vary, *CREDENTIALS}
    )


def _store(response: Response, policy: ResponsePolicy) -> bytes:
    """Complete the response's headers, and the bytes that `_restore` reads."""
    body = bytes(response.body)
    etag = blake2b(body, digest_size=16).hexdigest()
    response.headers.setdefault("etag", f'"{etag}"')
    response.headers.setdefault("cache-control", policy.cache_control)
    response.headers["vary"] = policy.varies
    headers = [pair for pair in response.headers.items() if pair[0] not in UNSTORED_HEADERS]
    return to_json(headers) + b"\n" + body


def _restore(entry: Entry) -> Response:
    head, _, body = entry.body.partition(b"\n")
    age = max(0, int(time() - entry.stored))
    return Response(body, headers={**dict(from_json(head)), "age": str(age)})
