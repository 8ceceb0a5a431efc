"""The HTTP side of products."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Body, Query, Request, Response
from fastapi.responses import StreamingResponse

from app import catalogue
from app.after_commit import AfterCommit
from app.cache import Cache
from app.conditional import IfMatch, answer, entity_tag
from app.database import Reads, Session
from app.products import repository, service
from app.products.schemas import (
    Created,
    NumberedPage,
    ProductIn,
    ProductOut,
    ProductPage,
    ProductPatch,
    ReviewedProductPage,
)
from app.streaming import csv_lines, ndjson, stream
from app.types import Cursor, Id, Limit, Line, Offset

router = APIRouter(prefix="/products", tags=["products"])

Batch = Annotated[list[ProductIn], Body(min_length=1, max_length=5000)]
Filter = Annotated[Line | None, Query(max_length=200)]


@router.get("")
async def list_products(
    database: Reads,
    cursor: Cursor = None,
    limit: Limit = 20,
    category: Filter = None,
    name: Filter = None,
) -> ProductPage:
    """Newest first; every page costs the same, however far back it is."""
    return await service.page(database, cursor, limit, category, name)


@router.get("/numbered")
async def list_numbered(database: Reads, offset: Offset = 0, limit: Limit = 20) -> NumberedPage:
    """Newest first, with the total: for short lists, because the database reads what it skips."""
    return await service.numbered_page(database, offset, limit)


@router.get("/reviewed")
async def list_reviewed(
    database: Reads, cursor: Cursor = None, limit: Limit = 20
) -> ReviewedProductPage:
    """Newest first, each with its reviews."""
    return await service.reviewed_page(database, cursor, limit)


@router.get("/export.ndjson")
async def export_ndjson(database: Reads) -> StreamingResponse:
    """All products, one JSON document a line."""
    lines = ndjson(repository.export(database))
    return await stream(lines, "application/x-ndjson", "products.ndjson")


@router.get("/export.csv")
async def export_csv(database: Reads) -> StreamingResponse:
    """All products as CSV."""
    lines = csv_lines(repository.export(database), ProductOut)
    return await stream(lines, "text/csv", "products.csv")


@router.get("/{product_id}", response_model=ProductOut)
async def read_product(
    request: Request,
    cache: Cache,
    database: Reads,
    product_id: Id,
) -> Response:
    """One product; 304 without a body when the client has this version."""
    product = await cache.get_or_load(
        service.cache_key(product_id),
        ProductOut,
        lambda: service.find(database, product_id),
        ttl=catalogue.settings(request).cache_seconds,
    )
    return answer(request, product, product.version)


@router.post("", status_code=HTTPStatus.CREATED)
async def create_product(session: Session, product: ProductIn, response: Response) -> ProductOut:
    """Store a product; 409 if its SKU is taken."""
    created = await service.create(session, product)
    response.headers["Location"] = f"{router.prefix}/{created.id}"
    response.headers["ETag"] = entity_tag(created.version)
    return created


@router.post("/batch", status_code=HTTPStatus.CREATED)
async def create_products(request: Request, session: Session, products: Batch) -> Created:
    """Store many products, all or none."""
    batch_size = catalogue.settings(request).batch_size
    return Created(created=await service.create_many(session, products, batch_size))


@router.patch("/{product_id}")
async def change_product(
    session: Session,
    after_commit: AfterCommit,
    cache: Cache,
    product_id: Id,
    patch: ProductPatch,
    response: Response,
    if_match: IfMatch = None,
) -> ProductOut:
    """Change what is sent; 412 when `If-Match` names other versions than the stored one."""
    product = await service.change(session, product_id, patch, if_match)
    after_commit(cache.delete, service.cache_key(product_id))
    response.headers["ETag"] = entity_tag(product.version)
    return product


@router.delete("/{product_id}", status_code=HTTPStatus.NO_CONTENT)
async def remove_product(
    session: Session,
    after_commit: AfterCommit,
    cache: Cache,
    product_id: Id,
) -> None:
    """Remove a product and its reviews."""
    await service.remove(session, product_id)
    after_commit(cache.delete, service.cache_key(product_id))
