"""The tag in the cloud on what is marked for deletion, and which accounts allow it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261123_deletion_tags"
down_revision = "20261123_provider_opinions"
branch_labels = None
depends_on = None

APP = "skyledger_app"
TABLE = "deletion_tags"


def upgrade() -> None:
    """Add the column and the table, then close the table to all but its tenant."""
    op.add_column("accounts", sa.Column("allows_tagging", sa.Boolean(), server_default="false", nullable=False))
    op.create_table(
        TABLE,
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("recommendation_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("may_exist", sa.Boolean(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "state IN ('REQUESTED', 'WRITTEN', 'REMOVED', 'FAILED')", name=op.f("ck_deletion_tags_state")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "recommendation_id"],
            ["recommendations.organization_id", "recommendations.id"],
            name=op.f("fk_deletion_tags_organization_id_recommendation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "recommendation_id", name=op.f("pk_deletion_tags")),
    )
    op.create_index(
        op.f("ix_deletion_tags_organization_id_account_id_state"), TABLE, ["organization_id", "account_id", "state"]
    )
    op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {TABLE} TO {APP}")
    op.execute(
        f"CREATE POLICY tenant ON {TABLE} TO {APP} "
        "USING (organization_id = app_org()) WITH CHECK (organization_id = app_org())"
    )


def downgrade() -> None:
    """Drop both."""
    op.drop_table(TABLE)
    op.drop_column("accounts", "allows_tagging")
