"""The HTTP side of reviews."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response

from app.database import Reads, Session
from app.queue import Queue
from app.reviews import service
from app.reviews.schemas import ReviewIn, ReviewOfProduct, ReviewOut, ReviewPage
from app.reviews.tasks import refresh_rating
from app.types import LARGEST_ID, Cursor, Id, Limit

router = APIRouter(prefix="/reviews", tags=["reviews"])

ProductId = Annotated[int, Query(ge=1, le=LARGEST_ID)]


@router.get("")
async def list_reviews(
    database: Reads, product_id: ProductId, cursor: Cursor = None, limit: Limit = 20
) -> ReviewPage:
    """The reviews of one product, newest first."""
    return await service.page(database, product_id, cursor, limit)


@router.get("/{review_id}")
async def read_review(database: Reads, review_id: Id) -> ReviewOfProduct:
    """One review with its product."""
    return await service.find(database, review_id)


@router.post("", status_code=HTTPStatus.CREATED)
async def create_review(
    session: Session, queue: Queue, review: ReviewIn, response: Response
) -> ReviewOut:
    """Store a review; the product's rating follows in the background."""
    created = await service.create(session, review)
    await queue.enqueue(refresh_rating, product_id=created.product_id)
    response.headers["Location"] = f"{router.prefix}/{created.id}"
    return created


@router.delete("/{review_id}", status_code=HTTPStatus.NO_CONTENT)
async def remove_review(session: Session, queue: Queue, review_id: Id) -> None:
    """Remove a review; the product's rating follows in the background."""
    product_id = await service.remove(session, review_id)
    await queue.enqueue(refresh_rating, product_id=product_id)
