"""Sign-ins of members that failed, counted until the audit tells of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261123_failed_sign_ins"
down_revision = "20261123_sessions_of_providers"
branch_labels = None
depends_on = None

APP, SYSTEM = "skyledger_app", "skyledger_system"
TABLE = "failed_sign_ins"
GRANTS = {APP: "SELECT, INSERT, DELETE", SYSTEM: "SELECT, INSERT, UPDATE"}


def upgrade() -> None:
    """Make the table: the system role counts, before a tenant is known, and a tenant takes its own."""
    op.create_table(
        TABLE,
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f(f"fk_{TABLE}_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("organization_id", "window_start", "user_id", "way", name=op.f(f"pk_{TABLE}")),
    )
    for column in ("user_id", "window_start"):
        op.create_index(op.f(f"ix_{TABLE}_{column}"), TABLE, [column])
    op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY")
    for role, privileges in GRANTS.items():
        op.execute(f"GRANT {privileges} ON {TABLE} TO {role}")
    op.execute(f"CREATE POLICY system ON {TABLE} TO {SYSTEM} USING (true) WITH CHECK (true)")
    op.execute(
        f"CREATE POLICY tenant ON {TABLE} TO {APP} "
        "USING (organization_id = app_org()) WITH CHECK (organization_id = app_org())"
    )


def downgrade() -> None:
    """Drop it, with what no audit has told yet."""
    op.drop_table(TABLE)
