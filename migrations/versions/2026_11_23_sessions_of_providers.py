"""Sessions say by which organization's provider they began, so that they end with it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261123_sessions_of_providers"
down_revision = "20261123_passkeys"
branch_labels = None
depends_on = None

COLUMN = "provider_organization_id"


def upgrade() -> None:
    """Add the column. Which provider an older session began by is not known: it ends when it is to be renewed."""
    for table in ("sessions", "log_in_challenges"):
        op.add_column(table, sa.Column(COLUMN, sa.Uuid(), nullable=True))
    op.create_index(op.f(f"ix_sessions_{COLUMN}"), "sessions", [COLUMN])
    op.execute("GRANT SELECT (issuer) ON single_sign_ons TO skyledger_system")


def downgrade() -> None:
    """Drop it."""
    op.execute("REVOKE SELECT (issuer) ON single_sign_ons FROM skyledger_system")
    op.drop_index(op.f(f"ix_sessions_{COLUMN}"), "sessions")
    for table in ("sessions", "log_in_challenges"):
        op.drop_column(table, COLUMN)
