"""Teams, promoted tag keys and allocation rules."""

from __future__ import annotations

revision = "20261122_allocation"
down_revision = "20261122_currencies"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
