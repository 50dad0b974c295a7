"""What somebody ignores: a finding, or all that is found on its resource."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261123_ignored_scope"
down_revision = "20261123_account_looks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was ignored before was a finding."""
    op.add_column("recommendations", sa.Column("ignored_scope", sa.Text(), nullable=True))
    op.execute("UPDATE recommendations SET ignored_scope = 'FINDING' WHERE state = 'IGNORED'")
    op.create_check_constraint(
        op.f("ck_recommendations_ignored_scope"), "recommendations", "ignored_scope IN ('FINDING', 'RESOURCE')"
    )


def downgrade() -> None:
    """Drop the column with its constraint."""
    op.drop_column("recommendations", "ignored_scope")
