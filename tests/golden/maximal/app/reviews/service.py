"""What can be done with reviews."""

from app.database import Reads, Session
from app.errors import NotFoundError
from app.reviews import repository
from app.reviews.schemas import ReviewIn, ReviewOfProduct, ReviewOut, ReviewPage
from app.types import encode_cursor


async def find(database: Reads, review_id: int) -> ReviewOfProduct:
    """The review with its product; `NotFoundError` if there is none."""
    review = await repository.find(database, review_id)
    if review is None:
        raise NotFoundError(f"There is no review {review_id}")
    return review


async def page(database: Reads, product_id: int, after: int | None, limit: int) -> ReviewPage:
    """The reviews of a product after the id `after`, newest first."""
    items = await repository.page(database, product_id, after, limit + 1)
    cursor = encode_cursor(items[limit - 1].id) if len(items) > limit else None
    return ReviewPage(items=items[:limit], next_cursor=cursor)


async def create(session: Session, review: ReviewIn) -> ReviewOut:
    """Store a review; `UnprocessableError` if its product does not exist."""
    return await repository.add(session, review)


async def remove(session: Session, review_id: int) -> int:
    """Remove the review; the id of its product."""
    product_id = await repository.remove(session, review_id)
    if product_id is None:
        raise NotFoundError(f"There is no review {review_id}")
    return product_id
