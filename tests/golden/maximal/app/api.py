"""The routes of the service, one line per resource."""

from fastapi import APIRouter

from app.products import endpoints as products
from app.rates import endpoints as rates
from app.reviews import endpoints as reviews

ROUTERS: tuple[APIRouter, ...] = (
    products.router,
    reviews.router,
    rates.router,
)
"""Each is included in the application itself: every router between matches all routes once more."""
