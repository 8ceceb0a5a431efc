"""Prices in other currencies."""

from collections.abc import AsyncIterator

import pytest
import upstream
from fastapi import FastAPI
from httpx2 import AsyncClient
from test_products import assert_problem, created
from upstream import Upstream

from app.settings import Settings


@pytest.fixture
async def rates(app: FastAPI, settings: Settings) -> AsyncIterator[Upstream]:
    """A service of exchange rates."""
    async with upstream.running() as running:
        running.body = b'{"amount": 1.0, "rates": {"USD": 1.25}}'
        own = settings.rates.model_copy(update={"url": running.url})
        app.state.settings = settings.model_copy(update={"rates": own})
        yield running


async def test_a_price_in_another_currency(client: AsyncClient, rates: Upstream) -> None:
    product = await created(client)
    path = f"/products/{product['id']}/prices"
    price = (await client.get(f"{path}/USD")).json()
    amount = f"{product['price_cents'] * 125 / 10_000:.2f}"
    assert price == {"product_id": product["id"], "currency": "USD", "amount": amount}
    assert "GET /?base=EUR&symbols=USD HTTP/1.1" in rates.requests[0]


@pytest.mark.usefixtures("rates")
@pytest.mark.parametrize("currency", ["usd", "US", "EUROS"])
async def test_what_is_no_currency(client: AsyncClient, currency: str) -> None:
    product = await created(client)
    assert_problem(await client.get(f"/products/{product['id']}/prices/{currency}"), 422)


async def test_an_unknown_currency(client: AsyncClient, rates: Upstream) -> None:
    product = await created(client)
    rates.statuses = [404]
    assert_problem(await client.get(f"/products/{product['id']}/prices/XXX"), 422)


async def test_the_rates_cannot_be_had(client: AsyncClient, rates: Upstream) -> None:
    product = await created(client)
    rates.statuses = [500]
    response = await client.get(f"/products/{product['id']}/prices/CHF")
    assert_problem(response, 503)
    assert response.headers["retry-after"] == "1"
    rates.body = b"<html>"
    assert_problem(await client.get(f"/products/{product['id']}/prices/CHF"), 503)
