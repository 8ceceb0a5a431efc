"""Background work on reviews."""

from typing import Any

from app.products.service import cache_key
from app.queue import job
from app.reviews import repository


@job()
async def refresh_rating(clients: dict[str, Any], *, product_id: int) -> None:
    """Compute a product's mean rating anew from all its reviews; harmless when done twice."""
    async with clients["database"].transaction() as session:
        await repository.refresh_rating(session, product_id)
    await clients["cache"].delete(cache_key(product_id))
