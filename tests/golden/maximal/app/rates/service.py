"""What can be done with exchange rates."""

from decimal import Decimal
from http import HTTPStatus

from pydantic import ValidationError

from app.cache import CacheClient
from app.errors import UnprocessableError
from app.http_client import Http, UpstreamError
from app.rates.schemas import Price, RatesAnswer
from app.rates.settings import RatesSettings

BASE = "EUR"
"""The currency of `price_cents`."""


async def fetch(http: Http, settings: RatesSettings, currency: str) -> Decimal:
    """The rate of `currency` to `BASE`, from the external service."""
    response = await http.get(settings.url, params={"base": BASE, "symbols": currency})
    if response.status_code == HTTPStatus.NOT_FOUND:
        raise UnprocessableError(f"There is no rate for {currency}")
    try:
        return RatesAnswer.model_validate_json(response.content).rates[currency]
    except (ValidationError, KeyError) as error:
        raise UpstreamError("The service of the exchange rates gives no rates") from error


async def rate(cache: CacheClient, http: Http, settings: RatesSettings, currency: str) -> Decimal:
    """The rate of `currency` to `BASE`, at most `settings.seconds` old."""
    return await cache.get_or_load(
        f"rate:{currency}",
        Decimal,
        lambda: fetch(http, settings, currency),
        ttl=settings.seconds,
        early=settings.seconds / 10,
    )


def convert(product_id: int, price_cents: int, currency: str, rate: Decimal) -> Price:
    """The price at `rate`, to two places."""
    amount = (Decimal(price_cents) / 100 * rate).quantize(Decimal("0.01"))
    return Price(product_id=product_id, currency=currency, amount=amount)
