"""FastAPI at its defaults and a pool: what everybody writes first."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI, Request
from product import FIND, Product, pool


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, asyncpg.Pool]]:
    """Open the pool, and close it at the end."""
    async with pool() as opened:
        yield {"pool": opened}


app = FastAPI(lifespan=lifespan)


@app.get("/products/{product_id}")
async def read_product(product_id: int, request: Request) -> Product:
    """One row by its key."""
    return Product(**await request.state.pool.fetchrow(FIND, product_id))
