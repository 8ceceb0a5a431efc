"""The queries on products. Lists load the columns that they answer with, no others."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import load_only, selectinload

from app.database import Database, affected, constraints
from app.products.models import Product
from app.products.schemas import (
    ProductIn,
    ProductOut,
    ProductSummary,
    ReviewedProduct,
    ReviewSummary,
)
from app.reviews.models import Review

EXPORT_BATCH = 500
"""Rows that an export holds in memory."""

WHOLE = [getattr(Product, name) for name in ProductOut.model_fields]
SUMMARY = [getattr(Product, name) for name in ProductSummary.model_fields]
REVIEW = [getattr(Review, name) for name in ReviewSummary.model_fields]


# Built once: putting a statement together takes as long as executing it.
FIND = select(*WHOLE).where(Product.id == bindparam("product_id"))
LIST = select(*SUMMARY).order_by(Product.id.desc()).limit(bindparam("limit"))
AFTER = Product.id < bindparam("after")
LIST_AFTER = LIST.where(AFTER)
OFFSET_LIST = LIST.offset(bindparam("offset"))
COUNT = select(func.count()).select_from(Product)
# One product has many reviews: a join would repeat the product for each of them.
REVIEWS = selectinload(Product.reviews)
REVIEWED_LIST = (
    select(Product)
    .options(load_only(*SUMMARY), REVIEWS.load_only(*REVIEW))
    .order_by(Product.id.desc())
    .limit(bindparam("limit"))
)
REVIEWED_LIST_AFTER = REVIEWED_LIST.where(AFTER)
EXPORT = select(*WHOLE).order_by(Product.id)


async def find(database: Database, product_id: int) -> ProductOut | None:
    """The product, if there is one."""
    return _one(await database.fetch(FIND, {"product_id": product_id}))


async def find_in(session: AsyncSession, product_id: int) -> ProductOut | None:
    """The product as this transaction sees it."""
    return _one((await session.execute(FIND, {"product_id": product_id})).all())


def _one(rows: Sequence[Row[Any]]) -> ProductOut | None:
    return ProductOut.model_validate(rows[0]) if rows else None


async def page(
    database: Database,
    after: int | None,
    limit: int,
    category: str | None,
    name: str | None,
) -> list[ProductSummary]:
    """At most `limit` products with ids below `after`, newest first."""
    query = LIST if after is None else LIST_AFTER
    if category is not None:
        query = query.where(Product.category == category)
    if name is not None:
        # autoescape: % and _ are ordinary characters.
        query = query.where(Product.name.icontains(name, autoescape=True))
    return _summaries(await database.fetch(query, {"limit": limit, "after": after}))


async def numbered_page(database: Database, offset: int, limit: int) -> list[ProductSummary]:
    """At most `limit` products after the first `offset`, newest first."""
    return _summaries(await database.fetch(OFFSET_LIST, {"offset": offset, "limit": limit}))


def _summaries(rows: Sequence[Row[Any]]) -> list[ProductSummary]:
    return [ProductSummary.model_validate(row) for row in rows]


async def count(database: Database) -> int:
    """How many products there are."""
    ((number,),) = await database.fetch(COUNT)
    return int(number)


async def reviewed_page(database: Database, after: int | None, limit: int) -> list[ReviewedProduct]:
    """Products with their reviews: two statements, however many products there are."""
    query = REVIEWED_LIST if after is None else REVIEWED_LIST_AFTER
    async with database.read_objects() as session:
        products = await session.scalars(query, {"after": after, "limit": limit})
        return [ReviewedProduct.model_validate(product) for product in products]


async def export(database: Database) -> AsyncGenerator[Sequence[ProductOut]]:
    """All products in batches, as they are at one moment, through a server-side cursor."""
    async with database.snapshot() as connection:
        streamed = await connection.execution_options(yield_per=EXPORT_BATCH)
        async with streamed.stream(EXPORT) as rows:
            async for batch in rows.partitions():
                yield [ProductOut.model_validate(row) for row in batch]


async def add(session: AsyncSession, product: ProductIn) -> ProductOut:
    """Store one product."""
    stored = Product(**product.model_dump())
    session.add(stored)
    with constraints(duplicate=f"There is a product with the SKU {product.sku} already"):
        await session.flush()
    return ProductOut.model_validate(stored)


async def add_many(session: AsyncSession, products: Sequence[ProductIn]) -> None:
    """Store products with one statement."""
    rows = [product.model_dump() for product in products]
    with constraints(duplicate="There is a product with one of these SKUs already"):
        await session.execute(insert(Product), rows)


async def change(
    session: AsyncSession,
    product_id: int,
    values: Mapping[str, object],
    versions: Sequence[int] | None,
) -> bool:
    """Set `values` if the stored version is one of `versions`; whether a row was changed."""
    query = update(Product).where(Product.id == product_id)
    if versions is not None:
        query = query.where(Product.version.in_(versions))
    return await affected(session, query.values(**values, version=Product.version + 1)) == 1


async def remove(session: AsyncSession, product_id: int) -> bool:
    """Remove the product, and with it its reviews; whether there was one."""
    return await affected(session, delete(Product).where(Product.id == product_id)) == 1
