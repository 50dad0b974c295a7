"""Budgets with their alerts, anomalies, and business metrics for unit costs."""

from __future__ import annotations

revision = "20261122_budgets"
down_revision = "20261122_allocation"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
