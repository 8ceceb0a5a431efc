"""The HTTP side of prices in other currencies."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from app.cache import Cache
from app.database import Reads
from app.http_client import Http
from app.products import service as products
from app.rates import service
from app.rates.schemas import Currency, Price
from app.rates.settings import RatesSettings
from app.types import Id

router = APIRouter(prefix="/products/{product_id}/prices", tags=["products"])


@router.get("/{currency}")
async def read_price(
    request: Request,
    cache: Cache,
    database: Reads,
    http: Http,
    product_id: Id,
    currency: Annotated[Currency, Path()],
) -> Price:
    """The product's price in another currency; 503 while the rates cannot be had."""
    settings: RatesSettings = request.app.state.settings.rates
    product = await products.find(database, product_id)
    rate = await service.rate(cache, http, settings, currency)
    return service.convert(product_id, product.price_cents, currency, rate)
