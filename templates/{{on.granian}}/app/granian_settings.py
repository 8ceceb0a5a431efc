"""What granian needs to know beyond the settings of every server."""

from pydantic import BaseModel, PositiveInt


class GranianSettings(BaseModel):
    """Times of the parent process (whole seconds)."""

    manager_timeout: PositiveInt
    """Time for a worker to finish its requests; then it is killed."""
