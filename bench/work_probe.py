"""What `bench_work.py` adds to rendered projects: routes, and a program that times hits."""

from pathlib import Path

CACHED = '''"""One product, uncached and cached in both ways."""

from fastapi import APIRouter

from app.cache import Cache, CachedRoute, cache_response, cached
from app.database import Reads
from app.products import service
from app.products.schemas import ProductOut
from app.types import Id

router = APIRouter(prefix="/bench", route_class=CachedRoute)


@cached(ttl=600)
async def find(database: Reads, *, product_id: int) -> ProductOut:
    return await service.find(database, product_id)


@router.get("/plain/{product_id}")
async def plain(database: Reads, product_id: Id) -> ProductOut:
    return await service.find(database, product_id)


@router.get("/function/{product_id}")
async def function(cache: Cache, database: Reads, product_id: Id) -> ProductOut:
    return await find(cache, database, product_id=product_id)


@router.get("/response/{product_id}")
@cache_response(ttl=600)
async def response(database: Reads, product_id: Id) -> ProductOut:
    return await service.find(database, product_id)
'''

ENQUEUEING = '''"""A job that nobody runs, enqueued by a route; and a route beside it."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy import text

from app.database import Session
from app.queue import Queue, job

router = APIRouter(prefix="/bench")


@job(name="bench.nothing")
async def nothing(_clients: dict[str, Any], *, number: int) -> None: ...


@router.get("/enqueue")
async def enqueue(queue: Queue) -> str:
    await queue.enqueue(nothing, number=1)
    return "enqueued"


@router.get("/transaction")
async def transaction(session: Session) -> str:
    await session.execute(text("SELECT 1"))
    return "committed"


@router.get("/other")
async def other() -> str:
    return "other"
'''

HITS = '''"""Microseconds of one hit: through the decorator, and with the client alone."""

import asyncio
import json
import sys
from time import perf_counter

from app.cache import cached, lifespan
from app.products.schemas import ProductOut
from app.settings import Settings

TIMES = 3000
PRODUCT = ProductOut(
    id=7, sku="sku-7", name="Product 7", category="c7", price_cents=7, rating=4.5, review_count=3,
    version=1, created_at="2026-01-01T00:00:00Z",
)


@cached(ttl=600)
async def find(*, product_id: int) -> ProductOut:
    return PRODUCT


@cached(ttl=600, tags=("product:{product_id}",))
async def find_tagged(*, product_id: int) -> ProductOut:
    return PRODUCT


async def per_call(call) -> float:
    await call()
    started = perf_counter()
    for _ in range(TIMES):
        await call()
    return (perf_counter() - started) / TIMES * 1e6


async def bare(settings):
    """The same bytes by the client alone, then a model."""
    body = PRODUCT.model_dump_json().encode()
    kind = sys.argv[1]
    if kind == "memory":
        store = {"key": body}

        async def call():
            return ProductOut.model_validate_json(store["key"])
    elif kind == "redis":
        from redis.asyncio import Redis

        redis = Redis.from_url(settings.cache.url.get_secret_value())
        await redis.set("bare", body)

        async def call():
            return ProductOut.model_validate_json(await redis.get("bare"))
    else:
        import emcache

        address = emcache.MemcachedHostAddress(settings.cache.host, settings.cache.port)
        client = await emcache.create_client([address])
        await client.set(b"bare", body)

        async def call():
            return ProductOut.model_validate_json((await client.get(b"bare")).value)
    return call


async def with_a_dead_server(settings) -> None:
    """A miss whose server is gone, against the load alone: what the cache costs a request then."""
    async with lifespan(settings) as cache:
        for _ in range(5):
            await find(cache, product_id=7)
        calls = {"load alone": load, "`@cached`": lambda: find(cache, product_id=7)}
        rounds = [{name: await per_call(call) for name, call in calls.items()} for _ in range(5)]
    print(json.dumps(rounds))


async def load() -> ProductOut:
    return PRODUCT


async def main() -> None:
    settings = Settings()
    if len(sys.argv) > 2:
        await with_a_dead_server(settings)
        return
    async with lifespan(settings) as cache:
        calls = {
            "client alone": await bare(settings),
            "`@cached`": lambda: find(cache, product_id=7),
            "`@cached` with a tag": lambda: find_tagged(cache, product_id=7),
        }
        rounds = [{name: await per_call(call) for name, call in calls.items()} for _ in range(5)]
    print(json.dumps(rounds))


asyncio.run(main())
'''


def add_routes(project: Path, text: str) -> None:
    """Write a resource into a rendered project and list it there, first: routes are matched in order."""
    package = project / "app" / "bench"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "endpoints.py").write_text(text, encoding="utf-8")
    api = project / "app" / "api.py"
    lines = "from app.bench import endpoints as _bench\nROUTERS = (_bench.router, *ROUTERS)\n"
    api.write_text(f"{api.read_text(encoding='utf-8')}\n{lines}", encoding="utf-8")
