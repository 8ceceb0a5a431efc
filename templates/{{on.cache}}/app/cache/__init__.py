"""The cache: results that are kept for a while, with one interface for every backend.

    @cached(ttl=60, tags=("product:{product_id}",))
    async def summary(products: Products, *, product_id: int) -> Summary: ...

    await summary(cache, products, product_id=7)      # `cache: Cache` is a dependency of the route
    await cache.delete_tags("product:7")              # after the commit that changed product 7

`CachedRoute` and `cache_response` keep whole responses. A cache that is slow or down never makes a
request fail: it then answers like an empty one.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, FastAPI, Request

from app.cache.backend import open_store
from app.cache.client import CacheClient
from app.cache.functions import cached
from app.cache.routes import CachedRoute, cache_response, require_cached_routes
from app.cache.settings import CacheSettings
from app.cache.warming import run_warmers, warmer

if TYPE_CHECKING:
    from app.settings import Settings

__all__ = [
    "Cache",
    "CacheClient",
    "CacheSettings",
    "CachedRoute",
    "cache_response",
    "cached",
    "check",
    "install",
    "lifespan",
    "warm",
    "warmer",
]


@asynccontextmanager
async def lifespan(settings: "Settings") -> AsyncIterator[CacheClient]:
    """Open the backend; yield the client."""
    async with open_store(settings.cache) as store:
        yield CacheClient(store, settings.cache)


async def check(client: CacheClient) -> None:
    """Raise `DegradedError` while the backend does not answer: the service works without it."""
    await client.check()


def install(app: FastAPI) -> None:
    """Refuse to start when a response policy would be ignored."""
    require_cached_routes(app)


async def warm(clients: dict[str, Any]) -> None:
    """Run the warmers, within their time."""
    client: CacheClient = clients["cache"]
    await run_warmers(clients, client.settings.warm_timeout)


async def current_cache(request: Request) -> CacheClient:
    """The cache of the process."""
    client: CacheClient = request.state.clients["cache"]
    return client


# With its scope, which FastAPI would otherwise work out anew for each request.
Cache = Annotated[CacheClient, Depends(current_cache, scope="request")]
"""The cache, as a dependency of a route."""
