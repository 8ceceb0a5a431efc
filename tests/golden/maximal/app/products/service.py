"""What can be done with products."""

from collections.abc import Sequence

from app.conditional import accepted_versions
from app.database import Reads, Session
from app.errors import NotFoundError, PreconditionFailedError
from app.products import repository
from app.products.schemas import (
    NumberedPage,
    ProductIn,
    ProductOut,
    ProductPage,
    ProductPatch,
    ReviewedProductPage,
)
from app.types import encode_cursor


def cache_key(product_id: int) -> str:
    """Where a product's cached copy is kept."""
    return f"product:{product_id}"


async def find(database: Reads, product_id: int) -> ProductOut:
    """The product; `NotFoundError` if there is none."""
    product = await repository.find(database, product_id)
    if product is None:
        raise NotFoundError(f"There is no product {product_id}")
    return product


async def page(
    database: Reads, after: int | None, limit: int, category: str | None, name: str | None
) -> ProductPage:
    """The products after the id `after`, newest first."""
    items = await repository.page(database, after, limit + 1, category, name)
    cursor = encode_cursor(items[limit - 1].id) if len(items) > limit else None
    return ProductPage(items=items[:limit], next_cursor=cursor)


async def reviewed_page(database: Reads, after: int | None, limit: int) -> ReviewedProductPage:
    """The products after the id `after` with their reviews, newest first."""
    items = await repository.reviewed_page(database, after, limit + 1)
    cursor = encode_cursor(items[limit - 1].id) if len(items) > limit else None
    return ReviewedProductPage(items=items[:limit], next_cursor=cursor)


async def numbered_page(database: Reads, offset: int, limit: int) -> NumberedPage:
    """`limit` products after the first `offset`, and how many there are."""
    items = await repository.numbered_page(database, offset, limit)
    return NumberedPage(items=items, total=await repository.count(database))


async def create(session: Session, product: ProductIn) -> ProductOut:
    """Store a new product; `ConflictError` if its SKU is taken."""
    return await repository.add(session, product)


async def create_many(session: Session, products: Sequence[ProductIn], batch_size: int) -> int:
    """Store all products or none, `batch_size` in each statement."""
    for start in range(0, len(products), batch_size):
        await repository.add_many(session, products[start : start + batch_size])
    return len(products)


async def change(
    session: Session, product_id: int, patch: ProductPatch, if_match: str | None
) -> ProductOut:
    """Change the fields that were sent, if the product still has a version of `if_match`."""
    versions = accepted_versions(if_match)
    values = patch.model_dump(exclude_unset=True)
    changed = await repository.change(session, product_id, values, versions)
    product = await repository.find_in(session, product_id)
    if product is None:
        raise NotFoundError(f"There is no product {product_id}")
    if not changed:
        raise PreconditionFailedError(f"Product {product_id} was changed in the meantime")
    return product


async def remove(session: Session, product_id: int) -> None:
    """Remove the product and its reviews."""
    if not await repository.remove(session, product_id):
        raise NotFoundError(f"There is no product {product_id}")
