"""Plans, subscriptions and counters of use; every organization gets the default plan.

Figures over the whole platform count scans, imports and uploads: the system role sees their states and times, no more.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261123_plans"
down_revision = "20261123_second_factors"
branch_labels = None
depends_on = None

APP = "skyledger_app"
SYSTEM = "skyledger_system"
LIMITS = (
    "accounts",
    "members",
    "api_keys",
    "concurrent_scans",
    "scans_per_day",
    "scans_per_month",
    "imports_per_day",
    "imports_per_month",
)
# What the system role sees of tables that are the tenants' own: nothing by which anybody could be told.
COUNTED = {"scans": "state, queued_at", "cost_imports": "state, created_at", "uploads": "state, bytes_received"}
FREE = """
    INSERT INTO plans (id, slug, name, price, currency, accounts, members, api_keys, scans_per_day, scans_per_month,
        imports_per_day, imports_per_month, is_default, created_at, updated_at)
    SELECT gen_random_uuid(), 'free', 'Free', 0, 'USD', 5000, 1000, 500, 50000, 500000, 10000, 100000, true,
        now(), now()
    WHERE EXISTS (SELECT FROM organizations)
"""
SUBSCRIBE = """
    INSERT INTO subscriptions (organization_id, plan_id, status, period_anchor, created_at, updated_at)
    SELECT organizations.id, plans.id, 'ACTIVE', (organizations.created_at AT TIME ZONE 'UTC')::date, now(), now()
    FROM organizations CROSS JOIN plans WHERE plans.is_default AND organizations.deleted_at IS NULL
"""


def upgrade() -> None:
    """Make the tables: all read plans, each tenant its own subscription and counters; then subscribe who is there.

    The rows are written before row security is forced on who owns the tables.
    """
    _plans()
    _subscriptions()
    _counters()
    op.execute("ALTER TABLE organizations NO FORCE ROW LEVEL SECURITY")
    op.execute(FREE)
    op.execute(SUBSCRIBE)
    op.execute("ALTER TABLE organizations FORCE ROW LEVEL SECURITY")
    for table in ("plans", "subscriptions", "usage_counters"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    for table in ("plans", "subscriptions"):
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO {SYSTEM}")
        op.execute(f"CREATE POLICY system ON {table} TO {SYSTEM} USING (true) WITH CHECK (true)")
    op.execute(f"GRANT SELECT ON plans TO {APP}")
    op.execute(f"CREATE POLICY everybody ON plans FOR SELECT TO {APP} USING (true)")
    op.execute(f"GRANT SELECT, INSERT, DELETE ON subscriptions TO {APP}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON usage_counters TO {APP}")
    for table in ("subscriptions", "usage_counters"):
        op.execute(
            f"CREATE POLICY tenant ON {table} TO {APP} "
            "USING (organization_id = app_org()) WITH CHECK (organization_id = app_org())"
        )
    for table, columns in COUNTED.items():
        op.execute(f"GRANT SELECT ({columns}) ON {table} TO {SYSTEM}")
        op.execute(f"CREATE POLICY system ON {table} FOR SELECT TO {SYSTEM} USING (true)")
    op.create_index(op.f("ix_scans_queued_at_state"), "scans", ["queued_at", "state"])
    op.create_index(op.f("ix_cost_imports_created_at_state"), "cost_imports", ["created_at", "state"])


def _plans() -> None:
    op.create_table(
        "plans",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("price", sa.Numeric(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("trial_days", sa.Integer(), nullable=True),
        *(sa.Column(name, sa.Integer(), nullable=True) for name in LIMITS),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("price >= 0 AND price < 'Infinity'", name=op.f("ck_plans_price")),
        sa.CheckConstraint("num_nulls(price, currency) IN (0, 2)", name=op.f("ck_plans_currency")),
        sa.CheckConstraint("trial_days > 0", name=op.f("ck_plans_trial")),
        sa.CheckConstraint("NOT is_default OR retired_at IS NULL", name=op.f("ck_plans_default")),
        sa.CheckConstraint(f"least({', '.join(LIMITS)}) >= 0", name=op.f("ck_plans_limits")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
        sa.UniqueConstraint("slug", name=op.f("uq_plans_slug")),
    )
    op.create_index("uq_plans_default", "plans", ["is_default"], unique=True, postgresql_where=sa.text("is_default"))


def _subscriptions() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("trial_ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("period_anchor", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('TRIAL', 'ACTIVE', 'PAST_DUE', 'CANCELLED')", name=op.f("ck_subscriptions_status")
        ),
        sa.CheckConstraint("(status = 'TRIAL') = (trial_ends_at IS NOT NULL)", name=op.f("ck_subscriptions_trial")),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_subscriptions_plan_id")),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_subscriptions")),
    )
    op.create_index(op.f("ix_subscriptions_plan_id"), "subscriptions", ["plan_id"])


def _counters() -> None:
    op.create_table(
        "usage_counters",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.CheckConstraint("metric IN ('SCANS', 'IMPORTS')", name=op.f("ck_usage_counters_metric")),
        sa.CheckConstraint("period IN ('DAY', 'MONTH')", name=op.f("ck_usage_counters_period")),
        sa.CheckConstraint("used >= 0", name=op.f("ck_usage_counters_used")),
        sa.PrimaryKeyConstraint("organization_id", "metric", "period", "starts_on", name=op.f("pk_usage_counters")),
    )


def downgrade() -> None:
    """Drop the tables, and what the system role sees beside them."""
    op.drop_index(op.f("ix_cost_imports_created_at_state"), table_name="cost_imports")
    op.drop_index(op.f("ix_scans_queued_at_state"), table_name="scans")
    for table, columns in COUNTED.items():
        op.execute(f"DROP POLICY system ON {table}")
        op.execute(f"REVOKE SELECT ({columns}) ON {table} FROM {SYSTEM}")  # noqa: S608  (our names)
    for table in ("usage_counters", "subscriptions", "plans"):
        op.drop_table(table)
