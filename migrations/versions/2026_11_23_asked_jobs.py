"""Jobs say whether a caller has asked for them: an organization may have so many of those waiting."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261123_asked_jobs"
down_revision = "20261123_failed_sign_ins"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; jobs of before count as Skyledger's own."""
    op.add_column("jobs", sa.Column("asked", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.create_index(
        "ix_jobs_asked", "jobs", ["organization_id"], postgresql_where=sa.text("state = 'QUEUED' AND asked")
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_jobs_asked", "jobs")
    op.drop_column("jobs", "asked")
