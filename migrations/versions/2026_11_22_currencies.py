"""Dated currency rates of an organization."""

from __future__ import annotations

revision = "20261122_currencies"
down_revision = "20261122_uploads"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
