"""The index of charges by resource without the organization: it took half of PostgreSQL's work in an import."""

from __future__ import annotations

from alembic import op

revision = "20261122_charges_of_resources"
down_revision = "20261122_long_charges"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it anew. A resource's id is a hash of its content: two organizations seldom have the same."""
    op.execute("DROP INDEX ix_charges_resource")
    op.execute("CREATE INDEX ix_charges_resource ON charges (resource_dim_id, charge_period_start)")


def downgrade() -> None:
    """Put the organization in front again."""
    op.execute("DROP INDEX ix_charges_resource")
    op.execute("CREATE INDEX ix_charges_resource ON charges (organization_id, resource_dim_id, charge_period_start)")
