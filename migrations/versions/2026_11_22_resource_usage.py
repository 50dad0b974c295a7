"""How much resources are used, day by day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_resource_usage"
down_revision = "20261122_recommendations"
branch_labels = None
depends_on = None

APP = "skyledger_app"
TABLE = "resource_usage"


def upgrade() -> None:
    """Make the table, then close it to all but its tenant."""
    op.create_table(
        TABLE,
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("daily", postgresql.ARRAY(sa.Double()), nullable=False),
        sa.Column("samples", postgresql.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.CheckConstraint("cardinality(daily) = cardinality(samples)", name=op.f("ck_resource_usage_days")),
        sa.ForeignKeyConstraint(
            ["organization_id", "resource_id"],
            ["resources.organization_id", "resources.id"],
            name=op.f("fk_resource_usage_organization_id_resource_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "resource_id", "metric", name=op.f("pk_resource_usage")),
    )
    op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {TABLE} TO {APP}")
    op.execute(
        f"CREATE POLICY tenant ON {TABLE} TO {APP} "
        "USING (organization_id = app_org()) WITH CHECK (organization_id = app_org())"
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table(TABLE)
