"""What the data layers cost: rendered services beside bare programs, on one PostgreSQL of its own.

`python bench/bench_data.py` needs PostgreSQL's binaries, `wrk` and the development requirements. All
servers run one worker process and use the same tables; contenders take turns.
"""

import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests" / "service"), str(ROOT / "tests")]

from databases import DatabaseServer  # noqa: E402 - found through the path above
from harness import Project, Server, free_port, project, serve, wait_until_live  # noqa: E402
from pooler import PASSWORD, USER, database_with_passwords, pgbouncer  # noqa: E402
from pressure import CONNECTIONS, ROUNDS, rates  # noqa: E402
from report import interleaved, publish, table, versions  # noqa: E402

ROWS = 200_000
FEW = 1_000
CHILDREN = 3

BARE = '''
"""One row by its key: ASGI and an asyncpg pool, nothing else."""
import json, os
import asyncpg

async def app(scope, receive, send):
    global pool
    if scope["type"] == "lifespan":
        await receive()
        pool = await asyncpg.create_pool(os.environ["DSN"], min_size=10, max_size=10)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await pool.close()
        return await send({"type": "lifespan.shutdown.complete"})
    path = scope["path"]
    if path == "/livez":
        body = b"{}"
    elif path == "/products/reviewed":
        products = await pool.fetch("SELECT id, sku, name, price_cents, rating FROM products ORDER BY id DESC LIMIT 20")
        reviews = await pool.fetch("SELECT product_id, id, author, rating, text FROM reviews WHERE product_id = ANY($1) ORDER BY id DESC", [row["id"] for row in products])
        items = {row["id"]: dict(row) | {"reviews": []} for row in products}
        for review in reviews:
            items[review["product_id"]]["reviews"].append(dict(review))
        body = json.dumps({"items": list(items.values())}).encode()
    else:
        row = await pool.fetchrow("SELECT id, sku, name, category, price_cents, rating, review_count, version, created_at FROM products WHERE id = $1", int(path.rpartition("/")[2]))
        body = json.dumps(dict(row), default=str).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})
'''

PLAIN = '''
"""The usual form: FastAPI, a session for each request, `session.get`."""
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from fastapi import Depends, FastAPI
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from app.products.models import Product
import app.reviews.models
from app.products.schemas import ProductOut

engine = create_async_engine(os.environ["DSN"].replace("postgresql", "postgresql+asyncpg"), pool_size=10, max_overflow=0)
sessions = async_sessionmaker(engine, expire_on_commit=False)

async def session() -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session

app = FastAPI()

@app.get("/livez")
async def live() -> dict[str, str]:
    return {}

@app.get("/products/{product_id}")
async def read(product_id: int, session: Annotated[AsyncSession, Depends(session)]) -> ProductOut:
    return await session.get(Product, product_id)
'''


POOL = '''
"""FastAPI and a pool, nothing else: what FastAPI itself costs."""
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import asyncpg
from fastapi import FastAPI, Request
from app.products.schemas import ProductOut

@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, asyncpg.Pool]]:
    async with asyncpg.create_pool(os.environ["DSN"], min_size=10, max_size=10) as pool:
        yield {"pool": pool}

app = FastAPI(lifespan=lifespan)

@app.get("/livez")
async def live() -> dict[str, str]:
    return {}

@app.get("/products/{product_id}")
async def read(product_id: int, request: Request) -> ProductOut:
    row = await request.state.pool.fetchrow("SELECT id, sku, name, category, price_cents, rating, review_count, version, created_at FROM products WHERE id = $1", product_id)
    return ProductOut(**row)
'''


@contextmanager
def program(owner: Project, name: str, text: str, dsn: str) -> Iterator[Server]:
    """Serve a program with uvicorn in the environment of `owner`."""
    (owner.path / f"{name}.py").write_text(text, encoding="utf-8")
    port, log = free_port(), owner.path / f"{name}.log"
    command = [str(owner.python), "-m", "uvicorn", f"{name}:app", "--port", str(port)]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command, cwd=owner.path, env=owner.variables({"DSN": dsn}), stdout=sink, stderr=sink
        )
    server = Server(f"http://127.0.0.1:{port}", process, log)
    try:
        wait_until_live(server)
        yield server
    finally:
        process.terminate()
        process.wait()


def fill(database: DatabaseServer, name: str, rows: int) -> None:
    """Insert the rows that are read into the database `name`."""
    # ruff: noqa: S608 - the statements hold the constants of this file
    with database.connect(database.port, name) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO products (sku, name, category, price_cents, review_count, version,"
            " created_at, updated_at) SELECT 'sku-' || n, 'Product ' || n, 'c' || n % 20, n, 0, 1,"
            f" now(), now() FROM generate_series(1, {rows}) n"
        )
        cursor.execute(
            "INSERT INTO reviews (product_id, author, rating, text, created_at)"
            " SELECT id, 'Ada', 1 + id % 5, 'A few words', now() FROM products,"
            f" generate_series(1, {CHILDREN}) WHERE id > {rows - 1000}"
        )
        cursor.execute("ANALYZE")


def cursor_of_page(page: int) -> str:
    """The address of a page that a cursor leads to."""
    after = {"after": ROWS - 20 * (page - 1) + 1}
    text = base64.urlsafe_b64encode(json.dumps(after).encode()).decode()
    return f"/products?limit=20&cursor={text.rstrip('=')}"


def post(server: Server, path: str, body: object) -> None:
    """Send JSON; anything but success is an error."""
    request = urllib.request.Request(  # noqa: S310 - our own server
        server.address + path,
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request).read()  # noqa: S310


def inserts(server: Server) -> str:
    """A thousand rows in one request, and one by one."""
    counter = iter(range(10**9))

    def new() -> dict[str, object]:
        number = next(counter)
        return {"sku": f"new-{number}", "name": "x", "category": "x", "price_cents": 1}

    def batched() -> float:
        started = time.perf_counter()
        post(server, "/products/batch", [new() for _ in range(1000)])
        return time.perf_counter() - started

    def single() -> float:
        started = time.perf_counter()
        for _ in range(1000):
            post(server, "/products", new())
        return time.perf_counter() - started

    figures = interleaved({"1,000 rows in one request": batched, "one by one": single}, ROUNDS)
    return f"### Inserting 1,000 rows\n\n{table(figures, 'one by one', 'seconds')}"


def peak_memory(server: Server) -> float:
    """The most memory that the service's process ever had, in MB."""
    status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(peak[1]) / 1024 if peak else 0.0


def exported(service: Project, dsn: str) -> tuple[float, float, float]:
    """Megabytes and seconds of an export of everything, and the most memory that the service had."""
    with serve(service, workers=1, APP_DATABASE__URL=dsn) as server:
        started = time.perf_counter()
        with urllib.request.urlopen(server.address + "/products/export.ndjson") as response:  # noqa: S310
            size = sum(len(chunk) for chunk in iter(lambda: response.read(65536), b""))
        return size / 1e6, time.perf_counter() - started, peak_memory(server)


def exports(service: Project, few: str, many: str) -> str:
    """Exports of the two databases, each of a new process."""
    lines = ["| rows | MB of JSON lines | seconds | peak memory in MB |", "|---|---|---|---|"]
    for rows, dsn in ((FEW, few), (ROWS, many)):
        figures = [exported(service, dsn) for _ in range(ROUNDS)]
        size, seconds, memory = (median(column) for column in zip(*figures, strict=True))
        lines.append(f"| {rows:,} | {size:.1f} | {seconds:.2f} | {memory:.1f} |")
    return "### Exporting\n\n" + "\n".join(lines)


def main() -> None:
    """Run everything and write the section."""
    load = os.getloadavg()[0]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = stack.enter_context(database_with_passwords(max_connections=200))
        for name in ("bench", "few"):
            database.execute(f"CREATE DATABASE {name} OWNER {USER}")
        here = f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{database.port}"
        dsn, few = f"{here}/bench", f"{here}/few"
        variables = {
            "APP_DATABASE__URL": dsn,
            "APP_ENVIRONMENT": "production",
            "APP_LOG__LEVEL": "WARNING",
        }
        projects = {
            layer: project(
                folder / layer, variables, db_driver="asyncpg", data_layer=layer, cache="none"
            )
            for layer in ("asyncpg", "sqlalchemy", "sqlmodel")
        }
        for address in (dsn, few):
            projects["sqlalchemy"].run("app.migrate", APP_DATABASE__URL=address)
        fill(database, "bench", ROWS)
        fill(database, "few", FEW)
        serving = {
            layer: stack.enter_context(serve(one, workers=1)) for layer, one in projects.items()
        }
        pinging = {"APP_DATABASE__POOL_PRE_PING": "false"}
        no_ping = stack.enter_context(serve(projects["sqlalchemy"], workers=1, **pinging))
        pooled = project(
            folder / "pooled", variables, db_driver="asyncpg", cache="none", pgbouncer=True
        )
        configuration = pooled.path / "deploy" / "pgbouncer" / "pgbouncer.ini"
        pooler = stack.enter_context(pgbouncer(configuration, database))
        behind = {"APP_DATABASE__URL": pooler.url("bench"), "APP_DATABASE__DIRECT_URL": dsn}
        pooled_server = stack.enter_context(serve(pooled, workers=1, **behind))
        bare = stack.enter_context(program(projects["asyncpg"], "bare", BARE, dsn))
        plain = stack.enter_context(program(projects["sqlalchemy"], "plain", PLAIN, dsn))
        pool = stack.enter_context(program(projects["asyncpg"], "pool", POOL, dsn))
        one = {
            "bare ASGI, asyncpg pool": (bare, "/products/777"),
            "plain FastAPI, asyncpg pool": (pool, "/products/777"),
            "plain FastAPI, `session.get`": (plain, "/products/777"),
            "rendered, plain asyncpg pool": (serving["asyncpg"], "/products/777"),
            "rendered, SQLAlchemy": (serving["sqlalchemy"], "/products/777"),
            "rendered, SQLAlchemy, no pre-ping": (no_ping, "/products/777"),
            "rendered, SQLAlchemy, through PgBouncer": (pooled_server, "/products/777"),
            "rendered, SQLModel": (serving["sqlmodel"], "/products/777"),
        }
        many = {
            name: (server, "/products/reviewed?limit=20")
            for name, (server, _) in one.items()
            if server not in (plain, pool)
        }
        sqlalchemy = serving["sqlalchemy"]
        pages = {
            "cursor, page 1": (sqlalchemy, "/products?limit=20"),
            "cursor, page 1,000": (sqlalchemy, cursor_of_page(1000)),
        }
        offsets = {
            "offset, page 1": (sqlalchemy, "/products/numbered?limit=20"),
            "offset, page 1,000": (sqlalchemy, "/products/numbered?limit=20&offset=19980"),
        }
        reference = "bare ASGI, asyncpg pool"
        body = [
            versions(
                "fastapi", "sqlalchemy", "asyncpg", "uvicorn", python=projects["sqlalchemy"].python
            )
            + f" wrk, {CONNECTIONS} connections, one worker, no access log. Load of the machine before: {load:.1f} on"
            f" {os.cpu_count()} processors; where it is above 0.5 the processor times count, not the rest.",
            rates(one, reference, "One row by its key"),
            rates(many, reference, "20 products with their reviews"),
            rates(pages | offsets, "cursor, page 1", f"Pages of {ROWS:,} rows"),
            inserts(sqlalchemy),
            exports(projects["sqlalchemy"], few, dsn),
        ]
    publish("Data", "python bench/bench_data.py", "\n\n".join(body))


if __name__ == "__main__":
    main()
