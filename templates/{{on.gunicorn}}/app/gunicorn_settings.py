"""What gunicorn needs to know beyond the settings of every server."""

from pydantic import BaseModel, PositiveInt


class GunicornSettings(BaseModel):
    """Times of the parent process (whole seconds)."""

    manager_timeout: PositiveInt
    """Time for a worker to stop; longer than `graceful_timeout`, so that its shutdown code runs."""
    worker_timeout: PositiveInt
    """A worker that has been silent for so long is replaced."""
