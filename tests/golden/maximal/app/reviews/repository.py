"""The queries on reviews."""

from sqlalchemy import bindparam, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, load_only

from app.database import Database, affected, constraints
from app.products.models import Product
from app.reviews.models import Review
from app.reviews.schemas import ProductName, ReviewIn, ReviewOfProduct, ReviewOut

WHOLE = [getattr(Review, name) for name in ReviewOut.model_fields]
PRODUCT = [getattr(Product, name) for name in ProductName.model_fields]

ROUNDING = 0.0001
"""Databases compute means with more digits than some of them store."""

# A review has one product: a join repeats nothing and saves a round trip.
WITH_PRODUCT = joinedload(
    Review.product,
    innerjoin=True,
)
# Built once: putting a statement together takes as long as executing it.
FIND = (
    select(Review)
    .options(load_only(*WHOLE), WITH_PRODUCT.load_only(*PRODUCT))
    .where(Review.id == bindparam("review_id"))
)
LIST = (
    select(*WHOLE)
    .where(Review.product_id == bindparam("product_id"))
    .order_by(Review.id.desc())
    .limit(bindparam("limit"))
)
LIST_AFTER = LIST.where(Review.id < bindparam("after"))


async def find(database: Database, review_id: int) -> ReviewOfProduct | None:
    """The review with its product, in one statement."""
    async with database.read_objects() as session:
        review = await session.scalar(FIND, {"review_id": review_id})
    return None if review is None else ReviewOfProduct.model_validate(review)


async def page(
    database: Database, product_id: int, after: int | None, limit: int
) -> list[ReviewOut]:
    """At most `limit` reviews of a product with ids below `after`, newest first."""
    query = LIST if after is None else LIST_AFTER
    parameters = {"product_id": product_id, "after": after, "limit": limit}
    return [ReviewOut.model_validate(row) for row in await database.fetch(query, parameters)]


async def add(session: AsyncSession, review: ReviewIn) -> ReviewOut:
    """Store one review."""
    stored = Review(**review.model_dump())
    session.add(stored)
    with constraints(reference=f"There is no product {review.product_id}"):
        await session.flush()
    return ReviewOut.model_validate(stored)


async def remove(session: AsyncSession, review_id: int) -> int | None:
    """Remove the review; the id of its product if there was one."""
    this = Review.id == review_id
    product_id = await session.scalar(select(Review.product_id).where(this))
    removed = await affected(session, delete(Review).where(this))
    return product_id if removed else None


async def refresh_rating(session: AsyncSession, product_id: int) -> None:
    """Set the product's rating and number of reviews from what is stored.

    Nothing changes, the version included, when they are right already: a job may run twice.
    """
    this = Product.id == product_id
    # Who computes at the same time waits here, and then sees what we have seen, or more.
    await session.execute(select(Product.id).where(this).with_for_update())
    reviews = Review.product_id == product_id
    rating = select(func.avg(Review.rating)).where(reviews).scalar_subquery()
    counted = select(func.count()).select_from(Review).where(reviews).scalar_subquery()
    other_count = Product.review_count != counted
    other_rating = func.abs(Product.rating - rating) > ROUNDING
    await session.execute(
        update(Product)
        .where(this, or_(other_count, other_rating))
        .values(rating=rating, review_count=counted, version=Product.version + 1)
    )
