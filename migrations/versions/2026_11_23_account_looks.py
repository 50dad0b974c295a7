"""When each account was last looked at for waste, and on which ground."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261123_account_looks"
down_revision = "20261122_realised_savings"
branch_labels = None
depends_on = None

APP = "skyledger_app"
TABLE = "account_looks"


def upgrade() -> None:
    """Make the table, then close it to all but its tenant."""
    op.create_table(
        TABLE,
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ground", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_account_looks_organization_id_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "account_id", name=op.f("pk_account_looks")),
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
