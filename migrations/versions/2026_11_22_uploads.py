"""Uploads: files on their way in, byte by byte."""

from __future__ import annotations

revision = "20261122_uploads"
down_revision = "20261122_cost_store"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
