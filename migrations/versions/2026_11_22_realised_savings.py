"""What charges say was saved by recommendations that are resolved."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_realised_savings"
down_revision = "20261122_detection_rules"
branch_labels = None
depends_on = None

APP = "skyledger_app"
TABLE = "realised_savings"


def upgrade() -> None:
    """Make the table, then close it to all but its tenant."""
    op.create_table(
        TABLE,
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("recommendation_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("daily", sa.Numeric(), nullable=True),
        sa.Column("amount", sa.Numeric(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(amount IS NULL) = (reason IS NOT NULL)", name=op.f("ck_realised_savings_amount")),
        sa.ForeignKeyConstraint(
            ["organization_id", "recommendation_id"],
            ["recommendations.organization_id", "recommendations.id"],
            name=op.f("fk_realised_savings_organization_id_recommendation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "recommendation_id", name=op.f("pk_realised_savings")),
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
