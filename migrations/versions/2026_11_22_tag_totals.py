"""Costs by day and promoted tags alone: what questions about a tag read when they name no service."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261122_tag_totals"
down_revision = "20261122_budget_forecasts"
branch_labels = None
depends_on = None

APP = "skyledger_app"
TABLE, FINER = "tag_total_daily", "tag_service_daily"
KEYS = ("organization_id", "day", "allocation_id", "charge_category", "billing_currency")
METRICS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost", "charge_count")


def upgrade() -> None:
    """Make the table, fill it from the finer one, then close it to all but its tenant."""
    op.create_table(
        TABLE,
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("allocation_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("charge_category", sa.Text(), nullable=False),
        sa.Column("billing_currency", sa.Text(), nullable=False),
        sa.Column("billed_cost", sa.Numeric(), nullable=False),
        *(sa.Column(name, sa.Numeric(), nullable=True) for name in METRICS[1:-1]),
        sa.Column("charge_count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(*KEYS, name=op.f(f"pk_{TABLE}")),
    )
    op.execute(f"ALTER TABLE {FINER} NO FORCE ROW LEVEL SECURITY")  # the owner must see every row
    keys, sums = ", ".join(KEYS), ", ".join(f"sum({name})" for name in METRICS)
    op.execute(
        f"INSERT INTO {TABLE} ({keys}, {', '.join(METRICS)}) "  # noqa: S608  (constants of this file)
        f"SELECT {keys}, {sums} FROM {FINER} GROUP BY {keys} ORDER BY {keys}"
    )
    op.execute(f"ALTER TABLE {FINER} FORCE ROW LEVEL SECURITY")
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
