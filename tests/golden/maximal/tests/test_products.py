"""Products over HTTP: the contract that every database and data layer keeps."""

import asyncio
import csv
import io
import json
from typing import Any

import pytest
from httpx2 import AsyncClient, Response


def product(number: int = 1, /, **fields: object) -> dict[str, Any]:
    """A valid product to send."""
    return {
        "sku": f"sku-{number}",
        "name": f"Product {number}",
        "category": "tools",
        "price_cents": 100 * number,
    } | fields


async def created(client: AsyncClient, number: int = 1, **fields: object) -> dict[str, Any]:
    response = await client.post("/products", json=product(number, **fields))
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


async def create_many(client: AsyncClient, count: int) -> None:
    products = [product(number) for number in range(1, count + 1)]
    response = await client.post("/products/batch", json=products)
    assert response.status_code == 201, response.text
    assert response.json() == {"created": count}


def assert_problem(response: Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    return body


async def test_create_and_read(client: AsyncClient) -> None:
    response = await client.post("/products", json=product())
    stored = response.json()
    assert response.headers["location"] == f"/products/{stored['id']}"
    assert stored | product() == stored
    read = await client.get(response.headers["location"])
    assert read.json() == stored
    assert read.headers["etag"] == response.headers["etag"]
    assert stored["created_at"].endswith(("Z", "+00:00"))


async def test_internal_columns_stay_inside(client: AsyncClient) -> None:
    assert "updated_at" not in await created(client)
    schema = await client.get("/openapi.json")
    assert "updated_at" not in schema.text


async def test_a_missing_product(client: AsyncClient) -> None:
    for method in ("GET", "DELETE"):
        assert_problem(await client.request(method, "/products/987654321"), 404)
    assert_problem(await client.patch("/products/987654321", json={"name": "x"}), 404)


async def test_a_duplicate_sku(client: AsyncClient) -> None:
    await created(client)
    problem = assert_problem(await client.post("/products", json=product()), 409)
    assert "sku-1" in problem["detail"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"sku": ""}, "body.sku"),
        ({"sku": "a b"}, "body.sku"),
        ({"sku": "x" * 65}, "body.sku"),
        ({"name": " "}, "body.name"),
        ({"name": "a\x00b"}, "body.name"),
        ({"name": None}, "body.name"),
        ({"price_cents": -1}, "body.price_cents"),
        ({"price_cents": 10**12}, "body.price_cents"),
        ({"unknown": 1}, "body.unknown"),
    ],
)
async def test_invalid_fields_are_named(
    client: AsyncClient, fields: dict[str, object], named: str
) -> None:
    problem = assert_problem(await client.post("/products", json=product(**fields)), 422)
    assert [error["field"] for error in problem["errors"]] == [named]


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/products/abc", "path.product_id"),
        ("/products/0", "path.product_id"),
        (f"/products/{2**63}", "path.product_id"),
        ("/products?limit=0", "query.limit"),
        ("/products?limit=101", "query.limit"),
        ("/products?cursor=nonsense", "query.cursor"),
        ("/products?cursor=e30", "query.cursor"),
        ("/products?cursor=eyJhZnRlciI6LTF9", "query.cursor"),
        ("/products?cursor=%00", "query.cursor"),
        ("/products?name=%00", "query.name"),
        ("/products/numbered?offset=-1", "query.offset"),
        ("/reviews", "query.product_id"),
    ],
)
async def test_invalid_parameters_are_named(client: AsyncClient, path: str, named: str) -> None:
    problem = assert_problem(await client.get(path), 422)
    assert [error["field"] for error in problem["errors"]] == [named]


async def test_a_patch_changes_only_what_is_sent(client: AsyncClient) -> None:
    before = await created(client)
    response = await client.patch(f"/products/{before['id']}", json={"price_cents": 5})
    after = response.json()
    assert after == before | {"price_cents": 5, "version": before["version"] + 1}
    assert (await client.get(f"/products/{before['id']}")).json() == after


async def test_a_patch_refuses_null(client: AsyncClient) -> None:
    before = await created(client)
    assert_problem(await client.patch(f"/products/{before['id']}", json={"name": None}), 422)


async def test_the_second_of_two_editors_is_told(client: AsyncClient) -> None:
    stored = await created(client)
    path = f"/products/{stored['id']}"
    tag = (await client.get(path)).headers["etag"]
    first = await client.patch(path, json={"name": "first"}, headers={"If-Match": tag})
    assert first.status_code == 200
    second = await client.patch(path, json={"name": "second"}, headers={"If-Match": tag})
    assert_problem(second, 412)
    assert (await client.get(path)).json()["name"] == "first"
    either = f"{tag}, W/{first.headers['etag']}"
    third = await client.patch(path, json={"name": "third"}, headers={"If-Match": either})
    assert third.status_code == 200
    unknown = await client.patch(path, json={"name": "x"}, headers={"If-Match": '"abc"'})
    assert_problem(unknown, 412)


async def test_what_the_client_has_is_not_sent_again(client: AsyncClient) -> None:
    stored = await created(client)
    path = f"/products/{stored['id']}"
    tag = (await client.get(path)).headers["etag"]
    same = await client.get(path, headers={"If-None-Match": f'"0", W/{tag}'})
    assert same.status_code == 304
    assert same.content == b""
    assert same.headers["etag"] == tag
    await client.patch(path, json={"name": "new"})
    changed = await client.get(path, headers={"If-None-Match": tag})
    assert changed.json()["name"] == "new"


async def test_pages_by_cursor_are_complete_and_stable(client: AsyncClient) -> None:
    await create_many(client, 7)
    seen: list[str] = []
    path = "/products?limit=3"
    cursor = ""
    while cursor is not None:
        page = await client.get(f"{path}&cursor={cursor}" if cursor else path)
        seen += [item["sku"] for item in page.json()["items"]]
        await created(client, 100 + len(seen))  # what is added meanwhile moves no page
        cursor = page.json()["next_cursor"]
    assert seen == [f"sku-{number}" for number in range(7, 0, -1)]


async def test_pages_by_offset_know_the_total(client: AsyncClient) -> None:
    await create_many(client, 5)
    page = (await client.get("/products/numbered?offset=3&limit=10")).json()
    assert page["total"] == 5
    assert [item["sku"] for item in page["items"]] == ["sku-2", "sku-1"]


async def test_wildcards_and_quotes_are_data(client: AsyncClient) -> None:
    for number, name in enumerate(["100% wool", "100 percent", "O'Neil_x", "O'NeilAx", "a\\b"]):
        await created(client, number, name=name)

    async def found(text: str) -> list[str]:
        response = await client.get("/products", params={"name": text})
        return sorted(item["name"] for item in response.json()["items"])

    assert await found("100%") == ["100% wool"]
    assert await found("neil_") == ["O'Neil_x"]
    assert await found("a\\b") == ["a\\b"]
    assert await found("' OR 1=1 --") == []


async def test_products_of_one_category(client: AsyncClient) -> None:
    await created(client, 1, category="tools")
    await created(client, 2, category="toys")
    page = (await client.get("/products?category=toys")).json()
    assert [item["sku"] for item in page["items"]] == ["sku-2"]


async def test_lists_load_only_their_columns(client: AsyncClient, statements: list[str]) -> None:
    await client.get("/products")
    await asyncio.sleep(0)  # some drivers report statements a moment later
    (statement,) = statements
    assert "price_cents" in statement
    assert "created_at" not in statement
    assert "count" not in statement.lower()


async def test_a_thousand_rows_are_two_statements(
    client: AsyncClient, statements: list[str]
) -> None:
    await create_many(client, 1000)
    await asyncio.sleep(0)
    assert len([text for text in statements if text.startswith("INSERT")]) == 2


async def test_a_batch_is_stored_whole_or_not_at_all(client: AsyncClient) -> None:
    batch = [product(number) for number in (1, 2, 1)]
    assert_problem(await client.post("/products/batch", json=batch), 409)
    assert (await client.get("/products/numbered")).json()["total"] == 0


async def test_a_batch_has_bounds(client: AsyncClient) -> None:
    assert_problem(await client.post("/products/batch", json=[]), 422)
    batch = [product(number) for number in range(5001)]
    assert_problem(await client.post("/products/batch", json=batch), 422)


async def test_export_as_json_lines(client: AsyncClient) -> None:
    await create_many(client, 1200)
    response = await client.get("/products/export.ndjson")
    assert response.headers["content-type"].startswith("application/x-ndjson")
    lines = [json.loads(line) for line in response.text.splitlines()]
    assert [line["sku"] for line in lines] == [f"sku-{number}" for number in range(1, 1201)]


async def test_export_as_csv(client: AsyncClient) -> None:
    await created(client, name='comma, "quote" and 日本')
    response = await client.get("/products/export.csv")
    (row,) = csv.DictReader(io.StringIO(response.text))
    assert row["name"] == 'comma, "quote" and 日本'
    assert row["price_cents"] == "100"


async def test_an_empty_export(client: AsyncClient) -> None:
    assert (await client.get("/products/export.ndjson")).text == ""
    assert (await client.get("/products/export.csv")).text.count("\r\n") == 1


async def test_remove(client: AsyncClient) -> None:
    stored = await created(client)
    assert (await client.delete(f"/products/{stored['id']}")).status_code == 204
    assert_problem(await client.get(f"/products/{stored['id']}"), 404)
