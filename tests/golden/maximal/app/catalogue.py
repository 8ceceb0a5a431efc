"""Settings of the catalogue: products and their reviews."""

from fastapi import Request
from pydantic import BaseModel, PositiveInt


class CatalogueSettings(BaseModel):
    """Sizes and times of the catalogue."""

    batch_size: PositiveInt
    """Rows of one INSERT statement."""
    cache_seconds: PositiveInt


def settings(request: Request) -> CatalogueSettings:
    """The settings, for endpoints."""
    found: CatalogueSettings = request.app.state.settings.catalogue
    return found
