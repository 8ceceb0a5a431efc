"""Products and reviews."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from app.columns import BigId, UtcDateTime, exact

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "products",
        sa.Column("id", BigId, nullable=False),
        sa.Column("sku", exact(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("category", exact(64), nullable=False),
        sa.Column("price_cents", sa.Integer, nullable=False),
        sa.Column("rating", sa.Double),
        sa.Column("review_count", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_products"),
        sa.UniqueConstraint("sku", name="uq_products_sku"),
    )
    op.create_index("ix_products_category_id", "products", ["category", "id"])
    op.create_table(
        "reviews",
        sa.Column("id", BigId, nullable=False),
        sa.Column("product_id", BigId, nullable=False),
        sa.Column("author", sa.String(100), nullable=False),
        sa.Column("rating", sa.Integer, nullable=False),
        sa.Column("text", sa.String(4000), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["products.id"],
            name="fk_reviews_product_id_products",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_reviews"),
    )
    op.create_index("ix_reviews_product_id_id", "reviews", ["product_id", "id"])


def downgrade() -> None:
    """Undo."""
    op.drop_table("reviews")
    op.drop_table("products")
