"""Erasures say when they have begun: from then on nobody takes them back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261123_begun_erasures"
down_revision = "20261123_scheduled_work"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; none that stands there has begun."""
    op.add_column("account_erasures", sa.Column("begun_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("account_erasures", "begun_at")
