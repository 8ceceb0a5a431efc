"""How products are stored."""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import BigId, UtcDateTime, exact, now
from app.models import Base

if TYPE_CHECKING:
    from app.reviews.models import Review


class Product(Base):
    """A product; loading its reviews has to be asked for (`selectinload`)."""

    __tablename__ = "products"
    __table_args__ = (Index(None, "category", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    sku: Mapped[str] = mapped_column(exact(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    category: Mapped[str] = mapped_column(exact(64))
    price_cents: Mapped[int]
    rating: Mapped[float | None]
    review_count: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, onupdate=now)

    reviews: Mapped[list["Review"]] = relationship(
        back_populates="product",
        lazy="raise",
        passive_deletes=True,
        order_by="Review.id.desc()",
    )
