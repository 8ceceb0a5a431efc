"""What tutorials put together for production, piece by piece as they give it."""

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI, Request, Response
from fastapi.middleware.gzip import GZipMiddleware
from product import FIND, Product, pool
from prometheus_fastapi_instrumentator import Instrumentator

Next = Callable[[Request], Awaitable[Response]]

logging.basicConfig(
    level=logging.INFO, format="%(asctime)s - %(name)s - %(levelname)s - %(message)s"
)
logger = logging.getLogger(__name__)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, asyncpg.Pool]]:
    """Open the pool, and close it at the end."""
    async with pool() as opened:
        yield {"pool": opened}


app = FastAPI(lifespan=lifespan)
app.add_middleware(GZipMiddleware, minimum_size=1000)
Instrumentator().instrument(app).expose(app)


@app.middleware("http")
async def add_process_time_header(request: Request, call_next: Next) -> Response:
    """Tell in a header how long it took."""
    start_time = time.perf_counter()
    response = await call_next(request)
    response.headers["X-Process-Time"] = str(time.perf_counter() - start_time)
    return response


@app.middleware("http")
async def log_requests(request: Request, call_next: Next) -> Response:
    """Log every request and its answer."""
    logger.info("Request: %s %s", request.method, request.url)
    response = await call_next(request)
    logger.info("Response: %s", response.status_code)
    return response


@app.get("/products/{product_id}")
async def read_product(product_id: int, request: Request) -> Product:
    """One row by its key."""
    return Product(**await request.state.pool.fetchrow(FIND, product_id))
