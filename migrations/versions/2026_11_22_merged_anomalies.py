"""Anomalies that are told as another one, the days that each has, and where else it shows.

The key of series and first day goes: an anomaly keeps its row while its days and the series it is told in change, and
two that change at once could meet. They are written by one watch at a time, under a lock.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_merged_anomalies"
down_revision = "20261122_charges_of_resources"
branch_labels = None
depends_on = None

TABLE = "cost_anomalies"
KEY = "uq_cost_anomalies_organization_id_series_key_starts_on"
STATES = "state IN ('OPEN', 'ACKNOWLEDGED', 'EXPECTED', 'RESOLVED')"
MORE_STATES = "state IN ('OPEN', 'ACKNOWLEDGED', 'EXPECTED', 'RESOLVED', 'MERGED')"


def upgrade() -> None:
    """Add the columns; rows that are there have no days until they are seen again."""
    for name in ("days", "also_seen_in"):
        column = sa.Column(name, postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default="[]")
        op.add_column(TABLE, column)
        op.alter_column(TABLE, name, server_default=None)
    op.add_column(TABLE, sa.Column("merged_into_id", sa.Uuid(), nullable=True))
    op.drop_constraint(op.f("ck_cost_anomalies_state"), TABLE)
    op.create_check_constraint(op.f("ck_cost_anomalies_state"), TABLE, MORE_STATES)
    merged = "(state = 'MERGED') = (merged_into_id IS NOT NULL)"
    op.create_check_constraint(op.f("ck_cost_anomalies_merged"), TABLE, merged)
    op.drop_constraint(op.f(KEY), TABLE)


def downgrade() -> None:
    """Drop what was merged, and of several rows with one key all but the latest."""
    op.execute("ALTER TABLE cost_anomalies NO FORCE ROW LEVEL SECURITY")
    op.execute("DELETE FROM cost_anomalies WHERE state = 'MERGED'")
    op.execute(
        "DELETE FROM cost_anomalies AS one USING cost_anomalies AS other "
        "WHERE one.organization_id = other.organization_id AND one.series_key = other.series_key "
        "AND one.starts_on = other.starts_on AND one.id < other.id"
    )
    op.execute("ALTER TABLE cost_anomalies FORCE ROW LEVEL SECURITY")
    op.create_unique_constraint(op.f(KEY), TABLE, ["organization_id", "series_key", "starts_on"])
    op.drop_constraint(op.f("ck_cost_anomalies_merged"), TABLE)
    op.drop_constraint(op.f("ck_cost_anomalies_state"), TABLE)
    op.create_check_constraint(op.f("ck_cost_anomalies_state"), TABLE, STATES)
    for name in ("merged_into_id", "also_seen_in", "days"):
        op.drop_column(TABLE, name)
