from typing import Any

from app_fixtures import client_of
from fastapi import FastAPI

from app.compression import SMALLEST


async def encodings(app: FastAPI, state: dict[str, Any], size: int, accepted: str) -> list[str]:
    @app.get("/text")
    async def text() -> str:
        return "x" * size

    async with client_of(app, state) as client:
        response = await client.get("/text", headers={"Accept-Encoding": accepted})
    assert response.json() == "x" * size
    return response.headers.get_list("content-encoding")


async def test_large_answers_are_compressed_once(app: FastAPI, state: dict[str, Any]) -> None:
    assert await encodings(app, state, 2 * SMALLEST, "gzip") == ["gzip"]


async def test_small_answers_are_not(app: FastAPI, state: dict[str, Any]) -> None:
    assert await encodings(app, state, SMALLEST // 2, "gzip") == []


async def test_clients_that_do_not_accept_it(app: FastAPI, state: dict[str, Any]) -> None:
    assert await encodings(app, state, 2 * SMALLEST, "identity") == []
