"""The routes of the service, one line per resource."""

from fastapi import APIRouter

from app.products import endpoints as products
from app.rates import endpoints as rates
from app.reviews import endpoints as reviews

router = APIRouter()
router.include_router(products.router)
router.include_router(reviews.router)
router.include_router(rates.router)
