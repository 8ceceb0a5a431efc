"""How reviews are stored."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import BigId, UtcDateTime, now
from app.models import Base
from app.products.models import Product


class Review(Base):
    """A review; it goes with its product."""

    __tablename__ = "reviews"
    # The pair serves the foreign key and "the newest reviews of a product".
    __table_args__ = (Index(None, "product_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"))
    author: Mapped[str] = mapped_column(String(100))
    rating: Mapped[int]
    text: Mapped[str] = mapped_column(String(4000))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)

    product: Mapped[Product] = relationship(back_populates="reviews", lazy="raise")
