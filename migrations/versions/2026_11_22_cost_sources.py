"""Sources that fetch costs on a schedule."""

from __future__ import annotations

revision = "20261122_cost_sources"
down_revision = "20261122_budgets"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
