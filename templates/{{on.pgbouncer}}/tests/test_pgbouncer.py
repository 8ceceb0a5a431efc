"""What goes through PgBouncer, and what is counted where."""

import pytest
from pydantic import SecretStr

from app.pool import ServerLimit, check_budget, direct
from app.settings import Settings


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
