"""What surrounds every request: ids, timing, problem details, the access log."""

import asyncio
import json
import logging
from io import StringIO

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient

from app.logging import JsonFormatter, JsonHandler
from app.main import create_app
from app.settings import Settings


async def test_an_accepted_request_id_is_returned(client: AsyncClient) -> None:
    response = await client.get("/livez", headers={"X-Request-ID": "abc-12345"})
    assert response.headers["x-request-id"] == "abc-12345"


@pytest.mark.parametrize("forged", ["short", "with space 123", 'quote"quote"', "x" * 129])
async def test_other_request_ids_are_replaced(client: AsyncClient, forged: str) -> None:
    response = await client.get("/livez", headers={"X-Request-ID": forged})
    assert response.headers["x-request-id"] != forged
    assert len(response.headers["x-request-id"]) == 32


async def test_timing_is_told(client: AsyncClient) -> None:
    response = await client.get("/livez")
    assert 0 < float(response.headers["x-process-time"]) < 10


async def test_an_unknown_path_is_a_problem(client: AsyncClient) -> None:
    response = await client.get("/nowhere")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "request_id": response.headers["x-request-id"],
    }


async def test_one_json_line_per_request(
    client: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="app.access"):
        await client.get("/nowhere?token=secret")
    (record,) = [record for record in caplog.records if record.name == "app.access"]
    line = JsonFormatter().format(record)
    event = json.loads(line)
    assert event["method"] == "GET"
    assert event["status"] == 404
    assert event["route"] == "(unmatched)"
    assert event["path"] == "/nowhere"
    assert "secret" not in line


def read_by_nobody_else(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """What the log writes where no other handler reads it, pytest's own neither."""
    written = StringIO()
    monkeypatch.setattr(logging.getLogger(), "handlers", [JsonHandler(written)])
    return written


async def test_the_line_is_the_same_without_a_record(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = read_by_nobody_else(monkeypatch)
    await client.get("/nowhere?token=secret", headers={"x-request-id": "abc-12345"})
    logging.getLogger().addHandler(logging.NullHandler())
    await client.get("/nowhere", headers={"x-request-id": "abc-12345"})
    events = map(json.loads, lines.getvalue().splitlines())
    short, whole = [event for event in events if event["logger"] == "app.access"]
    for changing in ("time", "duration_ms"):
        assert type(short.pop(changing)) is type(whole.pop(changing))
    assert short == whole


async def test_a_log_that_cannot_be_written_fails_no_request(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read_by_nobody_else(monkeypatch).close()
    assert (await client.get("/nowhere")).status_code == 404
    assert "closed file" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
async def test_the_documentation_has_its_own_route(
    client: AsyncClient, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    with caplog.at_level(logging.INFO, logger="app.access"):
        assert (await client.get(path)).status_code == 200
    (record,) = [record for record in caplog.records if record.name == "app.access"]
    assert json.loads(JsonFormatter().format(record))["route"] == path


async def test_healthy_probes_are_not_logged(
    client: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="app.access"):
        await client.get("/livez")
    assert "app.access" not in {record.name for record in caplog.records}


async def test_a_request_that_takes_too_long_is_ended(settings: Settings) -> None:
    server = settings.server.model_copy(update={"request_timeout": 0.05})
    app = create_app(settings.model_copy(update={"server": server}))

    @app.get("/slow")
    async def slow() -> None:
        await asyncio.sleep(60)

    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        response = await client.get("/slow")
    assert response.status_code == 504
    assert response.json()["title"] == "Gateway Timeout"


async def test_requests_beyond_the_limit_are_refused_at_once(settings: Settings) -> None:
    server = settings.server.model_copy(update={"max_in_flight": 2})
    app = create_app(settings.model_copy(update={"server": server}))
    release = asyncio.Event()

    @app.get("/held")
    async def held() -> None:
        await release.wait()

    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        waiting = [asyncio.create_task(client.get("/held")) for _ in range(2)]
        await asyncio.sleep(0.05)
        refused = await client.get("/held")
        alive = await client.get("/livez")
        release.set()
        answers = await asyncio.gather(*waiting)
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    assert alive.status_code == 200
    assert [answer.status_code for answer in answers] == [200, 200]


@pytest.fixture
def broken(app: FastAPI) -> str:
    """The path of a route that fails in a way that nobody expected."""

    @app.get("/broken")
    async def fail() -> None:
        raise RuntimeError("secret detail")

    return "/broken"


async def test_an_unexpected_error_is_logged_and_hidden(
    client: AsyncClient, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = await client.get(broken)
    assert response.status_code == 500
    assert "secret detail" not in response.text
    assert "x-request-id" in response.headers
    (record,) = [record for record in caplog.records if record.name == "app.error"]
    assert "secret detail" in JsonFormatter().format(record)


async def test_what_does_not_answer_in_time_is_unavailable(
    client: AsyncClient, app: FastAPI
) -> None:
    @app.get("/slow")
    async def give_up() -> None:
        raise TimeoutError

    response = await client.get("/slow")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
