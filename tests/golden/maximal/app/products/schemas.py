"""What clients send and receive."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.types import Line

Sku = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Name = Annotated[Line, Field(max_length=200)]
Category = Annotated[Line, Field(max_length=64)]
Price = Annotated[int, Field(ge=0, le=1_000_000_000)]


class ProductIn(BaseModel):
    """A product to create."""

    model_config = ConfigDict(extra="forbid")

    sku: Sku
    name: Name
    category: Category
    price_cents: Price


class ProductPatch(BaseModel):
    """Changes: what is not sent stays as it is (the defaults are never used)."""

    model_config = ConfigDict(extra="forbid")

    name: Name = Field(default_factory=str)
    category: Category = Field(default_factory=str)
    price_cents: Price = Field(default_factory=int)


class ProductOut(BaseModel):
    """A product."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    sku: str
    name: str
    category: str
    price_cents: int
    rating: float | None
    """The mean of its reviews' ratings."""
    review_count: int
    version: int
    created_at: datetime


class ProductSummary(BaseModel):
    """A product in a list."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    sku: str
    name: str
    price_cents: int
    rating: float | None


class ReviewSummary(BaseModel):
    """A review below its product."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    author: str
    rating: int
    text: str


class ReviewedProduct(ProductSummary):
    """A product with its reviews."""

    reviews: list[ReviewSummary]


class ProductPage(BaseModel):
    """One page of a list that is read with a cursor."""

    items: list[ProductSummary]
    next_cursor: str | None
    """None on the last page."""


class ReviewedProductPage(BaseModel):
    """One page of products with their reviews."""

    items: list[ReviewedProduct]
    next_cursor: str | None


class NumberedPage(BaseModel):
    """One page of a list that is read by offset."""

    items: list[ProductSummary]
    total: int


class Created(BaseModel):
    """What a bulk insert did."""

    created: int
