"""The HTTP contract of the example: the same for every driver and every way to write queries."""

import json
import subprocess
import urllib.error
import urllib.request
from typing import Any

from harness import Project, Server


def migrate_twice_at_once(service: Project) -> None:
    """Two deployments that start at the same moment."""
    command = [str(service.python), "-m", "app.migrate"]
    variables = service.variables({})
    migrations = [subprocess.Popen(command, cwd=service.path, env=variables) for _ in range(2)]
    assert [migration.wait() for migration in migrations] == [0, 0]


def ask(
    server: Server, method: str, path: str, body: object = None, **headers: str
) -> tuple[int, Any, dict[str, str]]:
    """Status, decoded body and headers of one request over a connection of its own."""
    data = None if body is None else json.dumps(body).encode()
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(  # noqa: S310 - the test's own server
        server.address + path,
        data,
        {"Content-Type": "application/json", **headers},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            return response.status, decoded(response.read()), lower(response.headers)
    except urllib.error.HTTPError as error:
        return error.code, decoded(error.read()), lower(error.headers)


def decoded(body: bytes) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()


def lower(headers: Any) -> dict[str, str]:  # noqa: ANN401 - http.client's or urllib's
    return {name.lower(): value for name, value in headers.items()}


def create_read_change(server: Server) -> dict[str, Any]:
    new = {"sku": "a-1", "name": "100% wool", "category": "tools", "price_cents": 5}
    status, product, headers = ask(server, "POST", "/products", new)
    assert status == 201
    path = headers["location"]
    status, read, headers = ask(server, "GET", path)
    assert (status, read) == (200, product)
    assert ask(server, "GET", path, If_None_Match=headers["etag"])[0] == 304
    status, changed, _ = ask(server, "PATCH", path, {"price_cents": 7}, If_Match=headers["etag"])
    assert (status, changed["price_cents"], changed["name"]) == (200, 7, "100% wool")
    assert ask(server, "PATCH", path, {"name": "x"}, If_Match=headers["etag"])[0] == 412
    return product  # type: ignore[no-any-return]


def review_and_rating(server: Server, product: dict[str, Any]) -> None:
    review = {"product_id": product["id"], "author": "Ada", "rating": 4}
    status, stored, headers = ask(server, "POST", "/reviews", review)
    assert status == 201
    assert ask(server, "GET", headers["location"])[1]["product"]["sku"] == "a-1"
    assert ask(server, "GET", f"/reviews?product_id={product['id']}")[1]["items"] == [stored]
    reviewed = ask(server, "GET", "/products/reviewed")[1]["items"]
    assert reviewed[0]["reviews"][0]["id"] == stored["id"]
    assert ask(server, "DELETE", headers["location"])[0] == 204


def lists_and_exports(server: Server) -> None:
    batch = [
        {"sku": f"b-{number}", "name": "b", "category": "toys", "price_cents": number}
        for number in range(1500)
    ]
    assert ask(server, "POST", "/products/batch", batch)[1] == {"created": 1500}
    assert ask(server, "GET", "/products/numbered?offset=1490")[1]["total"] == 1501
    first = ask(server, "GET", "/products?category=toys&limit=100")[1]
    second = ask(server, "GET", f"/products?limit=100&cursor={first['next_cursor']}")[1]
    ids = [item["id"] for item in first["items"] + second["items"]]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 200
    assert ask(server, "GET", "/products/export.ndjson")[1].count("\n") == 1501
    assert ask(server, "GET", "/products/export.csv")[1].count("\r\n") == 1502


def failures(server: Server, product: dict[str, Any]) -> None:
    again = {"sku": "a-1", "name": "a", "category": "a", "price_cents": 1}
    assert ask(server, "POST", "/products", again)[0] == 409
    fresh = again | {"sku": "left-behind"}
    assert ask(server, "POST", "/products/batch", [fresh, again])[0] == 409
    assert "left-behind" not in ask(server, "GET", "/products/export.ndjson")[1]
    orphan = {"product_id": 10**15, "author": "Ada", "rating": 4}
    assert ask(server, "POST", "/reviews", orphan)[0] == 422
    assert ask(server, "GET", "/products?cursor=broken")[1]["errors"][0]["field"] == "query.cursor"
    assert ask(server, "GET", f"/products/{product['id'] + 10**9}")[0] == 404
