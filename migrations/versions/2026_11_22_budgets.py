"""Budgets with their alerts, anomalies, and business metrics for unit costs."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_budgets"
down_revision = "20261122_allocation"
branch_labels = None
depends_on = None

APP = "skyledger_app"
METRICS = "metric IN ('billed_cost', 'effective_cost', 'list_cost', 'contracted_cost')"
STATES = "state IN ('OPEN', 'ACKNOWLEDGED', 'EXPECTED', 'RESOLVED')"
TABLES = ("budgets", "budget_alerts", "cost_anomalies", "business_metrics", "business_metric_values")


def upgrade() -> None:
    """Make the tables, then close each to all but its tenant."""
    _budgets()
    _budget_alerts()
    _cost_anomalies()
    _business_metrics()
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP}")
        op.execute(
            f"CREATE POLICY tenant ON {table} TO {APP} "
            "USING (organization_id = app_org()) WITH CHECK (organization_id = app_org())"
        )


def _column(name: str, type_: Any, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=nullable, autoincrement=False)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return _column(name, sa.DateTime(timezone=True), nullable=nullable)


def _budgets() -> None:
    op.create_table(
        "budgets",
        _column("organization_id", sa.Uuid()),
        _column("id", sa.Uuid()),
        _column("name", sa.Text()),
        _column("recurrence", sa.Text()),
        _column("starts_on", sa.Date()),
        _column("ends_on", sa.Date(), nullable=True),
        _column("amount", sa.Numeric()),
        _column("currency", sa.Text()),
        _column("metric", sa.Text()),
        _column("scope", postgresql.JSONB(astext_type=sa.Text())),
        _column("thresholds", postgresql.JSONB(astext_type=sa.Text())),
        _column("enabled", sa.Boolean()),
        _moment("created_at"),
        _moment("updated_at"),
        sa.CheckConstraint("amount > 0", name=op.f("ck_budgets_amount")),
        sa.CheckConstraint(METRICS, name=op.f("ck_budgets_metric")),
        sa.CheckConstraint(
            "recurrence IN ('MONTHLY', 'QUARTERLY', 'YEARLY', 'FIXED')", name=op.f("ck_budgets_recurrence")
        ),
        sa.CheckConstraint(
            "ends_on > starts_on AND (recurrence <> 'FIXED' OR ends_on IS NOT NULL)", name=op.f("ck_budgets_period")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_budgets")),
        sa.UniqueConstraint("organization_id", "name", name=op.f("uq_budgets_organization_id_name")),
    )


def _budget_alerts() -> None:
    op.create_table(
        "budget_alerts",
        _column("organization_id", sa.Uuid()),
        _column("id", sa.Uuid()),
        _column("budget_id", sa.Uuid()),
        _column("period_start", sa.Date()),
        _column("period_end", sa.Date()),
        _column("basis", sa.Text()),
        _column("percent", sa.Numeric()),
        _column("value", sa.Numeric()),
        _column("budget_amount", sa.Numeric()),
        _column("currency", sa.Text()),
        _moment("crossed_at"),
        _moment("recovered_at", nullable=True),
        sa.CheckConstraint("basis IN ('ACTUAL', 'FORECAST')", name=op.f("ck_budget_alerts_basis")),
        sa.ForeignKeyConstraint(
            ["organization_id", "budget_id"],
            ["budgets.organization_id", "budgets.id"],
            name=op.f("fk_budget_alerts_organization_id_budget_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_budget_alerts")),
        sa.UniqueConstraint(
            "organization_id",
            "budget_id",
            "period_start",
            "basis",
            "percent",
            name="uq_budget_alerts_threshold",
        ),
    )


def _cost_anomalies() -> None:
    op.create_table(
        "cost_anomalies",
        _column("organization_id", sa.Uuid()),
        _column("id", sa.Uuid()),
        _column("series", sa.Text()),
        _column("series_key", sa.Text()),
        _column("metric", sa.Text()),
        _column("billing_currency", sa.Text()),
        _column("service_name", sa.Text(), nullable=True),
        _column("sub_account_id", sa.Text(), nullable=True),
        _column("starts_on", sa.Date()),
        _column("ends_on", sa.Date()),
        _column("expected", sa.Numeric()),
        _column("actual", sa.Numeric()),
        _column("excess", sa.Numeric()),
        _column("score", sa.Numeric()),
        _column("state", sa.Text()),
        _column("state_reason", sa.Text(), nullable=True),
        _moment("state_changed_at", nullable=True),
        _column("explanation", postgresql.JSONB(astext_type=sa.Text())),
        _column("first_import_id", sa.Uuid(), nullable=True),
        _column("last_import_id", sa.Uuid(), nullable=True),
        _moment("found_at"),
        _moment("last_seen_at"),
        _moment("resolved_at", nullable=True),
        sa.CheckConstraint("ends_on > starts_on", name=op.f("ck_cost_anomalies_days")),
        sa.CheckConstraint(METRICS, name=op.f("ck_cost_anomalies_metric")),
        sa.CheckConstraint(
            "series IN ('TOTAL', 'SERVICE', 'ACCOUNT', 'SERVICE_ACCOUNT')", name=op.f("ck_cost_anomalies_series")
        ),
        sa.CheckConstraint(STATES, name=op.f("ck_cost_anomalies_state")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_cost_anomalies")),
        sa.UniqueConstraint(
            "organization_id",
            "series_key",
            "starts_on",
            name=op.f("uq_cost_anomalies_organization_id_series_key_starts_on"),
        ),
    )


def _business_metrics() -> None:
    op.create_table(
        "business_metrics",
        _column("organization_id", sa.Uuid()),
        _column("id", sa.Uuid()),
        _column("name", sa.Text()),
        _column("unit", sa.Text()),
        _moment("created_at"),
        _moment("updated_at"),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_business_metrics")),
        sa.UniqueConstraint("organization_id", "name", name=op.f("uq_business_metrics_organization_id_name")),
    )
    op.create_table(
        "business_metric_values",
        _column("organization_id", sa.Uuid()),
        _column("business_metric_id", sa.Uuid()),
        _column("day", sa.Date()),
        _column("quantity", sa.Numeric()),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_business_metric_values_quantity")),
        sa.ForeignKeyConstraint(
            ["organization_id", "business_metric_id"],
            ["business_metrics.organization_id", "business_metrics.id"],
            name=op.f("fk_business_metric_values_organization_id_business_metric_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "business_metric_id", "day", name=op.f("pk_business_metric_values")),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in reversed(TABLES):
        op.drop_table(table)
