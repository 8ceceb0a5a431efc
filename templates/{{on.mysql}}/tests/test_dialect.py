"""What only this database does."""

import asyncio

from sqlalchemy import text

from app.database import lifespan
from app.settings import Settings

ADD = text("INSERT INTO parts (whole_id) VALUES (1)")
COUNT = text("UPDATE wholes SET number = (SELECT COUNT(*) FROM parts WHERE whole_id = wholes.id)")


async def test_who_counts_rows_does_not_hold_up_who_adds_one(settings: Settings) -> None:
    async with lifespan(settings) as database:
        async with database.transaction() as session:
            await session.execute(text("CREATE TABLE wholes (id INT PRIMARY KEY, number INT)"))
            await session.execute(text("CREATE TABLE parts (whole_id INT, INDEX (whole_id))"))
            await session.execute(text("INSERT INTO wholes VALUES (1, 0)"))
        try:
            async with database.transaction() as counting:
                await counting.execute(COUNT)
                async with asyncio.timeout(5), database.transaction() as adding:
                    await adding.execute(ADD)
        finally:
            async with database.transaction() as session:
                await session.execute(text("DROP TABLE wholes, parts"))
