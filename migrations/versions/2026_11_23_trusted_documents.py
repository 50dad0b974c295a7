"""Documents of first-party frontends, which callers name instead of sending them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261123_trusted_documents"
down_revision = "20261123_personal_data"
branch_labels = None
depends_on = None

APP = "skyledger_app"
SYSTEM = "skyledger_system"
TABLE = "trusted_documents"


def upgrade() -> None:
    """Make the table: every request may read it, the operator alone writes."""
    op.create_table(
        TABLE,
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_trusted_documents")),
    )
    op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY")
    op.execute(f"GRANT SELECT, INSERT, DELETE ON {TABLE} TO {SYSTEM}")
    op.execute(f"CREATE POLICY system ON {TABLE} TO {SYSTEM} USING (true) WITH CHECK (true)")
    op.execute(f"GRANT SELECT ON {TABLE} TO {APP}")
    op.execute(f"CREATE POLICY everybody ON {TABLE} FOR SELECT TO {APP} USING (true)")


def downgrade() -> None:
    """Drop it."""
    op.drop_table(TABLE)
