"""PgBouncer's configuration agrees with the settings of each environment."""

import re
from configparser import ConfigParser
from pathlib import Path

import pytest
from deployment import ROOT, numbers

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
