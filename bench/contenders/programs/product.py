"""What the programs beside this one share: the row, its statement, a pool of the given size."""

import os
from datetime import datetime
from typing import Any

import asyncpg
from pydantic import BaseModel

FIND = (
    "SELECT id, sku, name, category, price_cents, rating, review_count, version, created_at"
    " FROM products WHERE id = $1"
)


class Product(BaseModel):
    """What is answered."""

    id: int
    sku: str
    name: str
    category: str
    price_cents: int
    rating: float | None
    review_count: int
    version: int
    created_at: datetime


def pool(**options: Any) -> asyncpg.Pool:  # noqa: ANN401 - as asyncpg has it
    """Make the pool that `BENCH_DSN` and `BENCH_POOL` describe."""
    return asyncpg.create_pool(
        os.environ["BENCH_DSN"], min_size=0, max_size=int(os.environ["BENCH_POOL"]), **options
    )
