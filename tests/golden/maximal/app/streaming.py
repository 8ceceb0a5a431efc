"""Long answers that are written while they are read, with flat memory."""

import csv
import io
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import aclosing

from fastapi.responses import StreamingResponse
from pydantic import BaseModel


async def stream(chunks: AsyncGenerator[str], media_type: str, name: str) -> StreamingResponse:
    """Answer with `chunks`, offered as the file `name`.

    The first chunk is awaited before the status is sent: a failure up to there has its own answer.
    """
    first = await anext(chunks, "")

    async def body() -> AsyncIterator[str]:
        async with aclosing(chunks):
            yield first
            async for chunk in chunks:
                yield chunk

    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(body(), media_type=media_type, headers=headers)


async def ndjson(batches: AsyncGenerator[Sequence[BaseModel]]) -> AsyncGenerator[str]:
    """One JSON document a line."""
    async with aclosing(batches):
        async for batch in batches:
            yield "".join(f"{record.model_dump_json()}\n" for record in batch)


async def csv_lines(
    batches: AsyncGenerator[Sequence[BaseModel]], model: type[BaseModel]
) -> AsyncGenerator[str]:
    """A header line, then one line for each record (RFC 4180)."""
    columns = list(model.model_fields)
    yield _csv([columns])
    async with aclosing(batches):
        async for batch in batches:
            rows = (record.model_dump(mode="json") for record in batch)
            yield _csv([row[column] for column in columns] for row in rows)


def _csv(rows: Iterable[Sequence[object]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()
