"""What was last told of forecasts, commitments and unit costs, so that each move of theirs is told once."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "20261122_told_figures"
down_revision = "20261122_upload_parts"
branch_labels = None
depends_on = None

APP = "skyledger_app"
TABLE = "told_figures"


def upgrade() -> None:
    """Make the table, then close it to all but its tenant."""
    op.create_table(
        TABLE,
        _column("organization_id", sa.Uuid()),
        _column("figure", sa.Text()),
        _column("subject", sa.LargeBinary()),
        _column("period_start", sa.Date()),
        _column("value", sa.Numeric()),
        _column("currency", sa.Text(), nullable=True),
        _column("ground", sa.LargeBinary(), nullable=True),
        _column("told_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "figure IN ('FORECAST', 'UTILIZATION', 'COVERAGE', 'UNIT_COST')", name=op.f("ck_told_figures_figure")
        ),
        sa.PrimaryKeyConstraint("organization_id", "figure", "subject", name=op.f("pk_told_figures")),
    )
    op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {TABLE} TO {APP}")
    op.execute(
        f"CREATE POLICY tenant ON {TABLE} TO {APP} "
        "USING (organization_id = app_org()) WITH CHECK (organization_id = app_org())"
    )


def _column(name: str, type_: Any, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=nullable, autoincrement=False)


def downgrade() -> None:
    """Drop the table."""
    op.drop_table(TABLE)
