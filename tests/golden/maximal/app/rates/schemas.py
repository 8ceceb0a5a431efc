"""What clients read about prices, and what the service of the rates answers."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
"""A code of ISO 4217."""


class Price(BaseModel):
    """A product's price in another currency."""

    product_id: int
    currency: Currency
    amount: Decimal


class RatesAnswer(BaseModel):
    """The part that is read of an answer."""

    rates: dict[str, Annotated[Decimal, Field(gt=0)]]
