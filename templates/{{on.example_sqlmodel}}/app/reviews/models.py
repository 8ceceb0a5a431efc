"""How reviews are stored."""

from datetime import datetime

from sqlalchemy import Column, ForeignKey, Index
from sqlmodel import Field, Relationship

from app.columns import BigId, UtcDateTime, now
from app.models import Base
from app.products.models import Product


class Review(Base, table=True):
    """A review; it goes with its product."""

    __tablename__ = "reviews"
    # The pair serves the foreign key and "the newest reviews of a product".
    __table_args__ = (Index(None, "product_id", "id"),)

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    product_id: int = Field(
        sa_column=Column(BigId, ForeignKey("products.id", ondelete="CASCADE"), nullable=False)
    )
    author: str = Field(max_length=100)
    rating: int
    text: str = Field(max_length=4000)
    created_at: datetime = Field(
        default_factory=now, sa_column=Column(UtcDateTime, default=now, nullable=False)
    )

    product: Product = Relationship(
        back_populates="reviews", sa_relationship_kwargs={"lazy": "raise"}
    )
