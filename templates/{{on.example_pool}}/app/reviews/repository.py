"""The queries on reviews."""
# ruff: noqa: S608 - statements are put together from the constants here, never from input

from asyncpg import Record

from app.database import Connection, Database, constraints
from app.reviews.schemas import ReviewIn, ReviewOfProduct, ReviewOut

WHOLE = "id, product_id, author, rating, text, created_at"

FIND = """
    SELECT reviews.*, products.sku AS product_sku, products.name AS product_name
    FROM reviews JOIN products ON products.id = reviews.product_id
    WHERE reviews.id = $1
"""
PAGE = f"""
    SELECT {WHOLE} FROM reviews
    WHERE product_id = $1 AND ($2::bigint IS NULL OR id < $2)
    ORDER BY id DESC LIMIT $3
"""
ADD = f"""
    INSERT INTO reviews (product_id, author, rating, text) VALUES ($1, $2, $3, $4)
    RETURNING {WHOLE}
"""
REFRESH_RATING = """
    UPDATE products SET
        rating = found.rating,
        review_count = found.review_count,
        version = version + 1,
        updated_at = now()
    FROM (SELECT avg(rating)::float8 AS rating, count(*) AS review_count
          FROM reviews WHERE product_id = $1) AS found
    WHERE id = $1 AND (products.rating, products.review_count)
        IS DISTINCT FROM (found.rating, found.review_count)
"""


async def find(database: Database, review_id: int) -> ReviewOfProduct | None:
    """The review with its product, in one statement."""
    async with database.read() as connection:
        row = await connection.fetchrow(FIND, review_id)
    if row is None:
        return None
    product = {"id": row["product_id"], "sku": row["product_sku"], "name": row["product_name"]}
    return ReviewOfProduct.model_validate({**dict(row), "product": product})


async def page(
    database: Database, product_id: int, after: int | None, limit: int
) -> list[ReviewOut]:
    """At most `limit` reviews of a product with ids below `after`, newest first."""
    async with database.read() as connection:
        rows = await connection.fetch(PAGE, product_id, after, limit)
    return [_whole(row) for row in rows]


async def add(connection: Connection, review: ReviewIn) -> ReviewOut:
    """Store one review."""
    values = review.product_id, review.author, review.rating, review.text
    with constraints(reference=f"There is no product {review.product_id}"):
        return _whole(await connection.fetchrow(ADD, *values))


async def remove(connection: Connection, review_id: int) -> int | None:
    """Remove the review; the id of its product if there was one."""
    statement = "DELETE FROM reviews WHERE id = $1 RETURNING product_id"
    product_id: int | None = await connection.fetchval(statement, review_id)
    return product_id


async def refresh_rating(connection: Connection, product_id: int) -> None:
    """Set the product's rating and number of reviews from what is stored.

    Nothing changes, the version included, when they are right already: a job may run twice.
    """
    # Who computes at the same time waits here, and then sees what we have seen, or more.
    await connection.execute("SELECT FROM products WHERE id = $1 FOR UPDATE", product_id)
    await connection.execute(REFRESH_RATING, product_id)


def _whole(row: Record | None) -> ReviewOut:
    return ReviewOut.model_validate(dict(row or {}))
