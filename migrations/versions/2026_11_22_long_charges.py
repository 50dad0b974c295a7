"""An index of the charges that last longer than a day: who looks for anomalies spreads them over their days."""

from __future__ import annotations

from alembic import op

revision = "20261122_long_charges"
down_revision = "20261122_tag_totals"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index on every partition."""
    op.execute(
        "CREATE INDEX ix_charges_long ON charges (organization_id, charge_period_start) "
        "WHERE charge_period_end - charge_period_start > '1 day'::interval"
    )


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP INDEX ix_charges_long")
