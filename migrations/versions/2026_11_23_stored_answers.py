"""Answers that are given again to a call with the same idempotency key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261123_stored_answers"
down_revision = "20261123_audit"
branch_labels = None
depends_on = None

APP = "skyledger_app"
SYSTEM = "skyledger_system"
TABLE = "stored_answers"


def upgrade() -> None:
    """Make the table; the system role finds and deletes what has expired, and reads nothing else of it."""
    op.create_table(
        TABLE,
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("mutation", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "principal", "mutation", "idempotency_key", name=op.f("pk_stored_answers")
        ),
    )
    op.create_index(op.f("ix_stored_answers_expires_at"), TABLE, ["expires_at"])
    op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {TABLE} TO {APP}")
    op.execute(
        f"CREATE POLICY tenant ON {TABLE} TO {APP} "
        "USING (organization_id = app_org()) WITH CHECK (organization_id = app_org())"
    )
    op.execute(f"GRANT SELECT (organization_id, id, expires_at), DELETE ON {TABLE} TO {SYSTEM}")
    op.execute(f"CREATE POLICY system ON {TABLE} TO {SYSTEM} USING (true) WITH CHECK (true)")


def downgrade() -> None:
    """Drop it."""
    op.drop_table(TABLE)
