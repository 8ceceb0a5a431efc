"""Reviews over HTTP, and the background job that follows them."""

import asyncio
from typing import Any

from httpx2 import AsyncClient
from test_products import assert_problem, create_many, created

from app.reviews.tasks import refresh_rating


def review(product_id: int, rating: int = 5, **fields: object) -> dict[str, Any]:
    """A valid review to send."""
    return {"product_id": product_id, "author": "Ada", "rating": rating, "text": "ok"} | fields


async def posted(client: AsyncClient, product_id: int, rating: int = 5) -> dict[str, Any]:
    response = await client.post("/reviews", json=review(product_id, rating))
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


async def product_when(client: AsyncClient, product_id: int, review_count: int) -> dict[str, Any]:
    """The product once the background job has counted its reviews."""
    for _ in range(100):
        body: dict[str, Any] = (await client.get(f"/products/{product_id}")).json()
        if body["review_count"] == review_count:
            return body
        await asyncio.sleep(0.05)
    raise AssertionError(f"the job did not run: {body}")


async def test_a_review_with_its_product(client: AsyncClient, statements: list[str]) -> None:
    product = await created(client)
    stored = await posted(client, product["id"])
    await product_when(client, product["id"], 1)
    await asyncio.sleep(0)  # some drivers report statements a moment later
    statements.clear()
    read = (await client.get(f"/reviews/{stored['id']}")).json()
    await asyncio.sleep(0)
    assert len(statements) == 1
    summary = {key: product[key] for key in ("id", "sku", "name")}
    assert read == stored | {"product": summary}


async def test_a_review_of_nothing(client: AsyncClient) -> None:
    problem = assert_problem(await client.post("/reviews", json=review(987654321)), 422)
    assert "987654321" in problem["detail"]
    assert_problem(await client.get("/reviews/987654321"), 404)
    assert_problem(await client.delete("/reviews/987654321"), 404)


async def test_the_rating_follows_in_the_background(client: AsyncClient) -> None:
    product = await created(client)
    tag = (await client.get(f"/products/{product['id']}")).headers["etag"]
    first = await posted(client, product["id"], 5)
    await posted(client, product["id"], 2)
    rated = await product_when(client, product["id"], 2)
    assert rated["rating"] == 3.5
    fresh = await client.get(f"/products/{product['id']}", headers={"If-None-Match": tag})
    assert fresh.status_code == 200
    await client.delete(f"/reviews/{first['id']}")
    assert (await product_when(client, product["id"], 1))["rating"] == 2


async def test_a_job_that_runs_twice_has_one_effect(
    client: AsyncClient, state: dict[str, Any]
) -> None:
    product = await created(client)
    await posted(client, product["id"], 4)
    once = await product_when(client, product["id"], 1)
    for _ in range(2):
        await refresh_rating(state["clients"], product_id=product["id"])
    assert (await client.get(f"/products/{product['id']}")).json() == once


async def test_reviews_of_a_product_by_cursor(client: AsyncClient) -> None:
    product, other = await created(client, 1), await created(client, 2)
    ids = [(await posted(client, product["id"]))["id"] for _ in range(3)]
    await posted(client, other["id"])
    await product_when(client, product["id"], 3)
    path = f"/reviews?product_id={product['id']}&limit=2"
    first = (await client.get(path)).json()
    second = (await client.get(f"{path}&cursor={first['next_cursor']}")).json()
    assert [item["id"] for item in first["items"] + second["items"]] == ids[::-1]
    assert second["next_cursor"] is None


async def test_products_with_reviews_take_two_statements(
    client: AsyncClient, statements: list[str]
) -> None:
    await create_many(client, 10)
    products = (await client.get("/products")).json()["items"]
    for product in products[:3]:
        await posted(client, product["id"], 4)
        await product_when(client, product["id"], 1)
    await client.get("/products/reviewed")  # a new connection may have to ask about types first
    await asyncio.sleep(0)  # some drivers report statements a moment later
    statements.clear()
    page = (await client.get("/products/reviewed?limit=10")).json()
    await asyncio.sleep(0)
    assert [len(item["reviews"]) for item in page["items"]] == [1, 1, 1] + [0] * 7
    assert page["items"][0]["reviews"][0]["author"] == "Ada"
    assert len(statements) == 2


async def test_reviews_go_with_their_product(client: AsyncClient) -> None:
    product = await created(client)
    stored = await posted(client, product["id"])
    await product_when(client, product["id"], 1)
    await client.delete(f"/products/{product['id']}")
    assert_problem(await client.get(f"/reviews/{stored['id']}"), 404)
