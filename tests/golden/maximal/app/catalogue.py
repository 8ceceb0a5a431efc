"""Settings of the catalogue: products and their reviews."""

from typing import Annotated

from fastapi import Depends, Request
from pydantic import BaseModel, PositiveInt


class CatalogueSettings(BaseModel):
    """Sizes and times of the catalogue."""

    batch_size: PositiveInt
    """Rows of one INSERT statement."""
    cache_seconds: PositiveInt


async def _settings(request: Request) -> CatalogueSettings:
    settings: CatalogueSettings = request.app.state.settings.catalogue
    return settings


Catalogue = Annotated[CatalogueSettings, Depends(_settings)]
"""The settings, for endpoints."""
