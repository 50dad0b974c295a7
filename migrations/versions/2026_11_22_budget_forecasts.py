"""Forecasts of budgets, made once for each state of the costs and kept for pages."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "20261122_budget_forecasts"
down_revision = "20261122_cost_exports"
branch_labels = None
depends_on = None

APP = "skyledger_app"
TABLE = "budget_forecasts"


def upgrade() -> None:
    """Make the table, then close it to all but its tenant."""
    op.create_table(
        TABLE,
        _column("organization_id", sa.Uuid()),
        _column("budget_id", sa.Uuid()),
        _column("period_start", sa.Date()),
        _column("question", sa.LargeBinary()),
        _column("ground", sa.LargeBinary()),
        _column("as_of", sa.Date()),
        _column("expected", sa.Numeric(), nullable=True),
        _column("lower", sa.Numeric(), nullable=True),
        _column("upper", sa.Numeric(), nullable=True),
        _column("reason", sa.Text(), nullable=True),
        _column("made_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("(reason IS NULL) = (expected IS NOT NULL)", name=op.f("ck_budget_forecasts_reason")),
        sa.CheckConstraint("num_nulls(expected, lower, upper) IN (0, 3)", name=op.f("ck_budget_forecasts_amounts")),
        sa.ForeignKeyConstraint(
            ["organization_id", "budget_id"],
            ["budgets.organization_id", "budgets.id"],
            name=op.f("fk_budget_forecasts_organization_id_budget_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "budget_id", "period_start", name=op.f("pk_budget_forecasts")),
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
