"""Settings: where every number and address of the service comes from.

Sources, the first that knows a value wins: arguments, environment variables (`APP_` prefix, `__`
between levels: `APP_SERVER__PORT=9000`), `.env`, secret files (`/run/secrets/APP_...`), and the
file of the environment, `environments/<APP_ENVIRONMENT>.toml`, which gives each number with its
reason.
"""

import sys
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, NonNegativeInt, PositiveFloat, PositiveInt, ValidationError
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from app.cache import CacheSettings
from app.catalogue import CatalogueSettings
from app.development import DevelopmentSettings
from app.http_client import HttpClientSettings
from app.measures import MetricsSettings
from app.pool import DatabaseSettings
from app.queue import QueueSettings
from app.rates.settings import RatesSettings
from app.static import StaticSettings
from app.worker_metrics import WorkerMetricsSettings

ENVIRONMENTS = Path(__file__).parent / "environments"
SECRETS = Path("/run/secrets")


class Environment(StrEnum):
    """Where the service runs; names the file with its numbers."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


class EnvironmentFileSource(TomlConfigSettingsSource):
    """Reads the TOML file of the environment that the earlier sources name."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls, toml_file=None)

    def __call__(self) -> dict[str, Any]:
        """The numbers of the environment; an unknown name is left to validation to refuse."""
        name = self.current_state.get("environment", Environment.DEVELOPMENT)
        known = name if name in set(Environment) else Environment.DEVELOPMENT
        return tomllib.loads((ENVIRONMENTS / f"{known}.toml").read_text(encoding="utf-8"))


class ServerSettings(BaseModel):
    """The ASGI server, its worker processes and the chain of timeouts (whole seconds)."""

    host: str = "127.0.0.1"
    reload: bool
    """Restart when a source file changes; development only."""
    port: NonNegativeInt = 8000
    trusted_proxies: str = "127.0.0.1,::1"
    """Addresses or networks whose `X-Forwarded-*` headers are believed; never `*` on a public port."""
    workers: PositiveInt
    """The most worker processes; fewer start where the machine has fewer CPUs or less memory."""
    planned_cpus: PositiveFloat
    worker_memory_mb: PositiveInt
    threads: PositiveInt
    request_timeout: PositiveFloat
    keep_alive: PositiveInt
    graceful_timeout: PositiveInt
    worker_healthcheck: PositiveInt
    max_requests: NonNegativeInt
    """Requests after which a worker is replaced; 0 keeps it for ever."""
    max_requests_jitter: NonNegativeInt
    max_in_flight: PositiveInt
    """Requests that one worker answers at a time; more get 503 at once."""
    limit_concurrency: PositiveInt
    """Connections of one worker, idle ones included."""
    backlog: PositiveInt


Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class LogSettings(BaseModel):
    """What is logged, and in which form."""

    level: Level = "INFO"
    level_file: Path = Path("log-level")
    """While it is there, the level that it says is used: a change needs no restart."""
    json_lines: bool
    """One JSON object a line; otherwise a line for people."""


class Settings(BaseSettings):
    """All settings of the service."""

    model_config = SettingsConfigDict(
        env_prefix="APP_",
        env_nested_delimiter="__",
        env_file=".env",
        secrets_dir=SECRETS if SECRETS.is_dir() else None,
        nested_model_default_partial_update=True,
        extra="ignore",
    )

    environment: Environment = Environment.DEVELOPMENT
    server: ServerSettings
    log: LogSettings
    development: DevelopmentSettings
    metrics: MetricsSettings
    cache: CacheSettings = CacheSettings()
    database: DatabaseSettings
    queue: QueueSettings
    worker_metrics: WorkerMetricsSettings
    http_client: HttpClientSettings = HttpClientSettings()
    catalogue: CatalogueSettings
    rates: RatesSettings
    static: StaticSettings

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the file of the environment behind every other source."""
        return (
            init_settings,
            env_settings,
            dotenv_settings,
            NestedSecretsSettingsSource(file_secret_settings),
            EnvironmentFileSource(settings_cls),
        )


def load_settings() -> Settings:
    """The settings, for commands: what is wrong is one line each, and exit code 2."""
    try:
        return Settings()
    except ValidationError as error:
        for item in error.errors():
            name = "APP_" + "__".join(map(str, item["loc"])).upper()
            sys.stderr.write(f"error: {name}: {item['msg']}\n")
        sys.exit(2)
