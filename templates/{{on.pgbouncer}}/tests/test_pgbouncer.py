"""PgBouncer's configuration agrees with the settings of each environment."""

import re
from configparser import ConfigParser
from pathlib import Path

import pytest
from deployment import ROOT, numbers
from pydantic import SecretStr

from app.pool import ServerLimit, check_budget, direct
from app.settings import Settings

FILES = sorted((ROOT / "deploy").rglob("pgbouncer.ini"))


def environment_of(file: Path) -> str:
    return "staging" if "staging" in file.parts else "production"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.parent.relative_to(ROOT)))
def test_it_carries_the_service(file: Path) -> None:
    parser = ConfigParser(inline_comment_prefixes=None, interpolation=None)
    parser.read(file, encoding="utf-8")
    pooler, settings = parser["pgbouncer"], numbers(environment_of(file))["database"]
    opened = int(pooler["default_pool_size"]) + int(pooler["reserve_pool_size"])
    assert opened == int(pooler["max_db_connections"]) < settings["fleet_connections"]
    assert int(pooler["max_client_conn"]) > settings["connections_per_replica"]
    assert int(pooler["query_wait_timeout"]) == settings["pool_timeout"]
    assert pooler["pool_mode"] == "transaction"
    # 0 would fail with what the drivers prepare.
    assert int(pooler["max_prepared_statements"]) > 0
    for database in parser["databases"].values():
        limit = re.search(r"SET statement_timeout = (\d+)", database)
        assert limit
        assert int(limit[1]) == settings["statement_timeout"] * 1000


def test_what_needs_a_session_goes_to_the_server(settings: Settings) -> None:
    assert direct(settings).database.url == settings.database.url
    pooled = settings.model_copy(deep=True)
    pooled.database.direct_url = SecretStr("postgresql://server/app")
    assert direct(pooled).database.url == pooled.database.direct_url


def test_clients_of_pgbouncer_are_not_counted_at_the_server(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    pooled = settings.model_copy(deep=True)
    pooled.database.direct_url = SecretStr("postgresql://server/app")
    pooled.database.pool_size, pooled.database.connections_per_replica = 500, 500
    pooled.database.over_budget, pooled.database.fleet_connections = "refuse", 90
    with caplog.at_level("INFO", logger="app.database"):
        check_budget(pooled, ServerLimit(100, 3))
    assert "to PgBouncer" in caplog.text
