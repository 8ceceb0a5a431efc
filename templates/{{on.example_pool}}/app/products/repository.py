"""The queries on products. Lists load the columns that they answer with, no others."""
# ruff: noqa: S608 - statements are put together from the constants here, never from input

from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence

from asyncpg import Record

from app.database import Connection, Database, affected, constraints
from app.products.schemas import (
    ProductIn,
    ProductOut,
    ProductSummary,
    ReviewedProduct,
    ReviewSummary,
)

EXPORT_BATCH = 500
"""Rows that an export holds in memory."""

WHOLE = "id, sku, name, category, price_cents, rating, review_count, version, created_at"
SUMMARY = "id, sku, name, price_cents, rating"

# Numbered parameters are values, never SQL. `$n IS NULL` switches a condition off.
FIND = f"SELECT {WHOLE} FROM products WHERE id = $1"
FIRST_PAGE = f"SELECT {SUMMARY} FROM products ORDER BY id DESC LIMIT $1"
PAGE = f"SELECT {SUMMARY} FROM products WHERE id < $2 ORDER BY id DESC LIMIT $1"
FILTERED_PAGE = f"""
    SELECT {SUMMARY} FROM products
    WHERE ($2::bigint IS NULL OR id < $2)
      AND ($3::text IS NULL OR category = $3)
      AND ($4::text IS NULL OR strpos(lower(name), lower($4)) > 0)
    ORDER BY id DESC LIMIT $1
"""
NUMBERED_PAGE = f"SELECT {SUMMARY} FROM products ORDER BY id DESC LIMIT $1 OFFSET $2"
REVIEWS = """
    SELECT product_id, id, author, rating, text FROM reviews
    WHERE product_id = ANY($1) ORDER BY product_id, id DESC
"""
ADD = f"""
    INSERT INTO products (sku, name, category, price_cents) VALUES ($1, $2, $3, $4)
    RETURNING {WHOLE}
"""
ADD_MANY = """
    INSERT INTO products (sku, name, category, price_cents)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[])
"""
EXPORT = f"SELECT {WHOLE} FROM products ORDER BY id"


async def find(database: Database, product_id: int) -> ProductOut | None:
    """The product, if there is one."""
    async with database.read() as connection:
        return await find_in(connection, product_id)


async def find_in(connection: Connection, product_id: int) -> ProductOut | None:
    """The product as this connection's transaction sees it."""
    row = await connection.fetchrow(FIND, product_id)
    return None if row is None else _whole(row)


async def page(
    database: Database,
    after: int | None,
    limit: int,
    category: str | None,
    name: str | None,
) -> list[ProductSummary]:
    """At most `limit` products with ids below `after`, newest first."""
    async with database.read() as connection:
        if category is not None or name is not None:
            rows = await connection.fetch(FILTERED_PAGE, limit, after, category, name)
        else:
            rows = await _page(connection, after, limit)
    return [ProductSummary.model_validate(dict(row)) for row in rows]


async def _page(connection: Connection, after: int | None, limit: int) -> list[Record]:
    if after is None:
        return await connection.fetch(FIRST_PAGE, limit)
    return await connection.fetch(PAGE, limit, after)


async def numbered_page(database: Database, offset: int, limit: int) -> list[ProductSummary]:
    """At most `limit` products after the first `offset`, newest first."""
    async with database.read() as connection:
        rows = await connection.fetch(NUMBERED_PAGE, limit, offset)
    return [ProductSummary.model_validate(dict(row)) for row in rows]


async def count(database: Database) -> int:
    """How many products there are."""
    async with database.read() as connection:
        number: int = await connection.fetchval("SELECT count(*) FROM products")
    return number


async def reviewed_page(database: Database, after: int | None, limit: int) -> list[ReviewedProduct]:
    """Products with their reviews: two statements, however many products there are."""
    async with database.read() as connection:
        products = await _page(connection, after, limit)
        reviews = await connection.fetch(REVIEWS, [product["id"] for product in products])
    by_product: defaultdict[int, list[ReviewSummary]] = defaultdict(list)
    for review in reviews:
        by_product[review["product_id"]].append(ReviewSummary.model_validate(dict(review)))
    return [
        ReviewedProduct(**dict(product), reviews=by_product[product["id"]]) for product in products
    ]


async def export(database: Database) -> AsyncGenerator[Sequence[ProductOut]]:
    """All products in batches, as they are at one moment, through a server-side cursor."""
    async with database.snapshot() as connection:
        cursor = await connection.cursor(EXPORT)
        while rows := await cursor.fetch(EXPORT_BATCH):
            yield [_whole(row) for row in rows]


async def add(connection: Connection, product: ProductIn) -> ProductOut:
    """Store one product."""
    values = product.sku, product.name, product.category, product.price_cents
    with constraints(duplicate=f"There is a product with the SKU {product.sku} already"):
        return _whole(await connection.fetchrow(ADD, *values))


async def add_many(connection: Connection, products: Sequence[ProductIn]) -> None:
    """Store products with one statement."""
    names = ("sku", "name", "category", "price_cents")
    columns = [[getattr(product, name) for product in products] for name in names]
    with constraints(duplicate="There is a product with one of these SKUs already"):
        await connection.execute(ADD_MANY, *columns)


async def change(
    connection: Connection,
    product_id: int,
    values: Mapping[str, object],
    versions: Sequence[int] | None,
) -> bool:
    """Set `values` if the stored version is one of `versions`; whether a row was changed."""
    # The names are fields of a schema, not input.
    sets = "".join(f"{name} = ${number}, " for number, name in enumerate(values, start=3))
    statement = f"""
        UPDATE products SET {sets} version = version + 1, updated_at = now()
        WHERE id = $1 AND ($2::int[] IS NULL OR version = ANY($2))
    """
    status = await connection.execute(statement, product_id, versions, *values.values())
    return affected(status) == 1


async def remove(connection: Connection, product_id: int) -> bool:
    """Remove the product, and with it its reviews; whether there was one."""
    status = await connection.execute("DELETE FROM products WHERE id = $1", product_id)
    return affected(status) == 1


def _whole(row: Record | None) -> ProductOut:
    return ProductOut.model_validate(dict(row or {}))
