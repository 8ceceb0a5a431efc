"""What only this driver does."""

import asyncpg
from fastapi import FastAPI
from httpx2 import AsyncClient


async def test_a_connection_that_breaks_is_answered_with_503(
    app: FastAPI, client: AsyncClient
) -> None:
    @app.get("/broken")
    async def broken() -> None:
        raise asyncpg.InternalClientError("got result for unknown protocol state 3")

    response = await client.get("/broken")
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
