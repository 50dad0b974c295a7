"""What workers do by the clock: when each kind of it is due, and which worker does it now."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261123_scheduled_work"
down_revision = "20261123_asked_jobs"
branch_labels = None
depends_on = None

SYSTEM = "skyledger_system"
TABLE = "scheduled_work"


def upgrade() -> None:
    """Make the table: workers alone read and write it, no tenant does. They add the rows, due at the next time."""
    op.create_table(
        TABLE,
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claims", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f(f"pk_{TABLE}")),
    )
    op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON {TABLE} TO {SYSTEM}")
    op.execute(f"CREATE POLICY system ON {TABLE} TO {SYSTEM} USING (true) WITH CHECK (true)")


def downgrade() -> None:
    """Drop it: what was missed until then is not caught up."""
    op.drop_table(TABLE)
