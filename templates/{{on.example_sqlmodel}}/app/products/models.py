"""How products are stored."""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Column, Double, Index, Integer
from sqlmodel import Field, Relationship

from app.columns import BigId, UtcDateTime, exact, now
from app.models import Base

if TYPE_CHECKING:
    from app.reviews.models import Review


class Product(Base, table=True):
    """A product; loading its reviews has to be asked for (`selectinload`).

    Defaults stand in the columns too: statements that insert many rows make no objects.
    """

    __tablename__ = "products"
    __table_args__ = (Index(None, "category", "id"),)

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    sku: str = Field(sa_column=Column(exact(64), unique=True, nullable=False))
    name: str = Field(max_length=200)
    category: str = Field(sa_column=Column(exact(64), nullable=False))
    price_cents: int
    rating: float | None = Field(default=None, sa_column=Column(Double))
    review_count: int = Field(default=0, sa_column=Column(Integer, default=0, nullable=False))
    version: int = Field(default=1, sa_column=Column(Integer, default=1, nullable=False))
    created_at: datetime = Field(
        default_factory=now, sa_column=Column(UtcDateTime, default=now, nullable=False)
    )
    updated_at: datetime = Field(
        default_factory=now,
        sa_column=Column(UtcDateTime, default=now, onupdate=now, nullable=False),
    )

    reviews: list["Review"] = Relationship(
        back_populates="product",
        sa_relationship_kwargs={
            "lazy": "raise",
            "passive_deletes": True,
            "order_by": "Review.id.desc()",
        },
    )
