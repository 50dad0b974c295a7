"""Teams, promoted tag keys, allocation rules and what they come to."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_allocation"
down_revision = "20261122_currencies"
branch_labels = None
depends_on = None

APP = "skyledger_app"
JSONB = postgresql.JSONB(astext_type=sa.Text())
MOMENT = sa.DateTime(timezone=True)
TYPES: dict[str, Any] = {
    "uuid": sa.Uuid(),
    "text": sa.Text(),
    "bigint": sa.BigInteger(),
    "integer": sa.Integer(),
    "date": sa.Date(),
    "timestamptz": MOMENT,
    "numeric": sa.Numeric(),
    "jsonb": JSONB,
    "boolean": sa.Boolean(),
}
AMOUNTS = (
    "billed_cost numeric!, effective_cost numeric, list_cost numeric, contracted_cost numeric, charge_count bigint!"
)
# Table: (columns, of which those with ! are NOT NULL; columns of the primary key behind organization_id).
TABLES = {
    "promoted_tag_keys": ("key text!, position integer!, created_at timestamptz!", "key"),
    "tag_key_figures": (
        "key text!, spellings jsonb!, tag_sets bigint!, month date, costs jsonb!, counted_at timestamptz!",
        "key",
    ),
    "teams": (
        "id uuid!, name text!, code text, archived_at timestamptz, created_at timestamptz!, updated_at timestamptz!",
        "id",
    ),
    "allocation_rules": (
        (
            "id uuid!, position integer!, name text!, match jsonb!, method text!, tag_key text, mapping jsonb!, "
            "targets jsonb!, valid_from date, valid_to date, enabled boolean!, version integer!, "
            "created_at timestamptz!, updated_at timestamptz!"
        ),
        "id",
    ),
    "allocated_daily": (
        f"day date!, team_id uuid!, summary_dim_id bigint!, rule_id uuid!, shared boolean!, {AMOUNTS}",
        "day team_id summary_dim_id rule_id",
    ),
    "team_daily": (
        f"day date!, team_id uuid!, shared boolean!, billing_currency text!, {AMOUNTS}",
        "day team_id shared billing_currency",
    ),
    "allocation_months": ("month date!, rules_id bigint!, notes jsonb!, computed_at timestamptz!", "month"),
    "allocation_runs": (
        (
            "id uuid!, kind text!, state text!, from_month date, to_month date, next_month date, months_done integer!, "
            "actor_kind text!, actor_id uuid, job_id uuid, created_at timestamptz!, started_at timestamptz, "
            "finished_at timestamptz"
        ),
        "id",
    ),
}
CHECKS = {
    "allocation_rules": {"method": "method IN ('DIRECT', 'BY_TAG', 'EVEN', 'PROPORTIONAL', 'FIXED')"},
    "allocation_runs": {
        "kind": "kind IN ('TAG_KEYS', 'RULES')",
        "state": "state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'SUPERSEDED')",
    },
}


def upgrade() -> None:
    """Make the tables, and close each to all but its tenant."""
    for table, (columns, key) in TABLES.items():
        op.create_table(
            table,
            sa.Column("organization_id", sa.Uuid(), nullable=False),
            *(_column(column) for column in columns.split(", ")),
            *(
                sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))
                for name, condition in CHECKS.get(table, {}).items()
            ),
            sa.PrimaryKeyConstraint("organization_id", *key.split(), name=f"pk_{table}"),
        )
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP}")
        op.execute(
            f"CREATE POLICY tenant ON {table} TO {APP} "
            "USING (organization_id = app_org()) WITH CHECK (organization_id = app_org())"
        )
    for column in ("name", "code"):
        op.create_unique_constraint(f"uq_teams_organization_id_{column}", "teams", ["organization_id", column])
    op.create_index("ix_allocation_rules_organization_id_position", "allocation_rules", ["organization_id", "position"])


def _column(column: str) -> sa.Column[Any]:
    name, type_ = column.split(" ")
    return sa.Column(name, TYPES[type_.rstrip("!")], nullable=not type_.endswith("!"), autoincrement=False)


def downgrade() -> None:
    """Drop the tables."""
    for table in reversed(TABLES):
        op.drop_table(table)
