"""Settings of the cache."""

from pydantic import Field, PositiveFloat, PositiveInt

from app.cache.backend import BackendSettings


class CacheSettings(BackendSettings):
    """What every backend has in common; times are seconds."""

    namespace: str = "demo"
    """Start of every key, so that services can share one server."""
    version: PositiveInt = 1
    """Part of every key: a deploy that raises it starts with an empty cache."""
    jitter: float = Field(default=0.1, ge=0, lt=1)
    """Share of a lifetime that is cut off at random, so that entries do not all end at once."""
    load_timeout: PositiveFloat = 30.0
    """A load that takes longer is not kept."""
    flight_wait: PositiveFloat = 5.0
    """How long another process is waited for that loads the same key."""
    warm_timeout: PositiveFloat = 10.0
    """How long the start waits for the warmers."""
