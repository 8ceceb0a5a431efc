"""A resource with cached reads, added to rendered projects by the tests of caches."""

from pathlib import Path

ENDPOINTS = '''"""Values kept in a file each; reads are cached, and leave a trace when they load."""

import asyncio
import os
from pathlib import Path

from fastapi import APIRouter
from pydantic import BaseModel

from app.cache import Cache, CachedRoute, cache_response, cached

FILES = Path(os.environ["PROBE_FILES"])

router = APIRouter(prefix="/probe", route_class=CachedRoute)


class Seen(BaseModel):
    value: str
    process: int


async def load(name: str, kind: str) -> Seen:
    with (FILES / f"{name}.{kind}").open("a") as trace:
        trace.write(f"{os.getpid()}\\n")
    file = FILES / name
    value = file.read_text() if file.exists() else ""
    await asyncio.sleep(float(os.environ.get("PROBE_SECONDS", "0")))
    return Seen(value=value, process=os.getpid())


@cached(ttl=60, tags=("probe:{name}",))
async def read(_files: Path, *, name: str) -> Seen:
    return await load(name, "loads")


@router.get("/function/{name}")
async def function(name: str, cache: Cache) -> dict[str, object]:
    seen = await read(cache, FILES, name=name)
    return {"value": seen.value, "loaded_by": seen.process, "answered_by": os.getpid()}


@router.get("/response/{name}")
@cache_response(ttl=60, tags=("probe:{name}",))
async def response(name: str) -> Seen:
    return await load(name, "responses")


@router.put("/{name}/{value}")
async def write(name: str, value: str, cache: Cache) -> str:
    (FILES / name).write_text(value)
    await cache.delete_tags(f"probe:{name}")
    return value
'''


def add_to(project: Path) -> None:
    """Write the resource into a rendered project and list it there."""
    package = project / "app" / "probe"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "endpoints.py").write_text(ENDPOINTS, encoding="utf-8")
    path = project / "app" / "api.py"
    lines = "from app.probe import endpoints as _probe\nROUTERS += (_probe.router,)\n"
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{lines}", encoding="utf-8")
