"""Sources that fetch costs on a schedule."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_cost_sources"
down_revision = "20261122_budgets"
branch_labels = None
depends_on = None

APP = "skyledger_app"
# Those that point to others last. All belong to a tenant; the system role reaches none of them.
NEW_TABLES = ("cost_sources", "cost_source_deliveries", "cost_source_runs")


def upgrade() -> None:
    """Add the tables, then close each to all but its tenant."""
    _cost_sources()
    _cost_source_deliveries()
    _cost_source_runs()
    for table in NEW_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP}")
        op.execute(
            f"CREATE POLICY tenant ON {table} TO {APP} "
            "USING (organization_id = app_org()) WITH CHECK (organization_id = app_org())"
        )


def downgrade() -> None:
    """Drop the tables; what was imported stays."""
    for table in reversed(NEW_TABLES):
        op.drop_table(table)


def _cost_sources() -> None:
    op.create_table(
        "cost_sources",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("cron", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("since", sa.Text(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("next_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('AWS_DATA_EXPORT', 'AWS_COST_EXPLORER', 'AZURE_EXPORT', 'BIGQUERY')",
            name=op.f("ck_cost_sources_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_cost_sources_organization_id_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_cost_sources")),
        sa.UniqueConstraint("organization_id", "name", name=op.f("uq_cost_sources_organization_id_name")),
        sa.UniqueConstraint(
            "organization_id", "account_id", "dataset", name=op.f("uq_cost_sources_organization_id_account_id_dataset")
        ),
    )


def _cost_source_deliveries() -> None:
    op.create_table(
        "cost_source_deliveries",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("cost_source_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("checksum", sa.Text(), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "cost_source_id"],
            ["cost_sources.organization_id", "cost_sources.id"],
            name=op.f("fk_cost_source_deliveries_organization_id_cost_source_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "cost_source_id", "key", name=op.f("pk_cost_source_deliveries")),
    )


def _cost_source_runs() -> None:
    op.create_table(
        "cost_source_runs",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("cost_source_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("steps", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("deliveries", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("imported", sa.Integer(), nullable=False),
        sa.Column("fetched_bytes", sa.BigInteger(), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("remedy", sa.Text(), nullable=True),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'PARTIAL', 'FAILED', 'CANCELLED')",
            name=op.f("ck_cost_source_runs_state"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "cost_source_id"],
            ["cost_sources.organization_id", "cost_sources.id"],
            name=op.f("fk_cost_source_runs_organization_id_cost_source_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_cost_source_runs")),
    )
    op.create_index(
        op.f("ix_cost_source_runs_organization_id_cost_source_id_id"),
        "cost_source_runs",
        ["organization_id", "cost_source_id", "id"],
        unique=False,
    )
    op.create_index(
        "uq_cost_source_runs_under_way",
        "cost_source_runs",
        ["organization_id", "cost_source_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('QUEUED', 'RUNNING')"),
    )
