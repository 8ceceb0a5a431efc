"""What clients send and receive."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.types import LARGEST_ID, Line

Author = Annotated[Line, Field(max_length=100)]
# Line breaks are welcome; NUL is what databases refuse inside text.
Text = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=4000, pattern=r"^[^\x00]*$")
]


class ReviewIn(BaseModel):
    """A review to create."""

    model_config = ConfigDict(extra="forbid")

    product_id: Annotated[int, Field(ge=1, le=LARGEST_ID)]
    author: Author
    rating: Annotated[int, Field(ge=1, le=5)]
    text: Text = ""


class ReviewOut(BaseModel):
    """A review."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    product_id: int
    author: str
    rating: int
    text: str
    created_at: datetime


class ProductName(BaseModel):
    """The product of a review."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    sku: str
    name: str


class ReviewOfProduct(ReviewOut):
    """A review with its product."""

    product: ProductName


class ReviewPage(BaseModel):
    """One page of reviews."""

    items: list[ReviewOut]
    next_cursor: str | None
    """None on the last page."""
