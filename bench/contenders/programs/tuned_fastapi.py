"""FastAPI and a pool, tuned as the rendered service is, without anything that it does beside."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI, Request
from product import FIND, Product, pool


async def reset(connection: asyncpg.Connection) -> None:
    """Leave no transaction open, without a round trip where there is none."""
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, asyncpg.Pool]]:
    """Open the pool; garbage collections then leave alone what stays."""
    async with pool(reset=reset) as opened:
        gc.collect()
        gc.freeze()
        yield {"pool": opened}


app = FastAPI(lifespan=lifespan, telemetry={"tracing": False, "metrics": False, "logs": False})


@app.get("/products/{product_id}")
async def read_product(product_id: int, request: Request) -> Product:
    """One row by its key."""
    return Product(**await request.state.pool.fetchrow(FIND, product_id))
