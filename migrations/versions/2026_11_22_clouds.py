"""Connected accounts with sealed credentials and health, scans with their steps, the inventory as a graph."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_clouds"
down_revision = "20261122_row_security"
branch_labels = None
depends_on = None

APP = "skyledger_app"
# Those that point to others last. All belong to a tenant; the system role reaches none of them.
NEW_TABLES = (
    "account_credentials",
    "account_checks",
    "resource_relationships",
    "resource_changes",
    "scans",
    "scan_steps",
    "scan_sightings",
    "scan_schedules",
)
NEW_COLUMNS = {
    "accounts": (
        "method",
        "settings",
        "health",
        "health_message",
        "missing_permissions",
        "response_milliseconds",
        "health_checked_at",
        "disconnected_at",
    ),
    "resources": ("last_used_at", "gone_at"),
}


def upgrade() -> None:
    """Add the columns and tables, then close each table to all but its tenant."""
    _accounts()
    _account_credentials()
    _account_checks()
    _resources()
    _resource_relationships()
    _resource_changes()
    _scans()
    _scan_steps()
    _scan_sightings()
    _scan_schedules()
    _jobs()
    for table in NEW_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP}")
        op.execute(
            f"CREATE POLICY tenant ON {table} TO {APP} "
            "USING (organization_id = app_org()) WITH CHECK (organization_id = app_org())"
        )


def downgrade() -> None:
    """Drop the tables and columns; connected accounts become manual ones."""
    for index in ("ix_jobs_queued", "ix_jobs_running", "ix_jobs_dead"):
        op.drop_index(index, table_name="jobs")
    for table in reversed(NEW_TABLES):
        op.drop_table(table)
    op.drop_index(op.f("ix_resources_organization_id_resource_type_account_id_region"), table_name="resources")
    op.drop_constraint(op.f("ck_accounts_health"), "accounts")
    op.drop_constraint(op.f("ck_accounts_kind"), "accounts")
    for table, columns in NEW_COLUMNS.items():
        for column in columns:
            op.drop_column(table, column)
    # The owner is bound by FORCE ROW LEVEL SECURITY unless it is a superuser.
    op.execute("ALTER TABLE accounts NO FORCE ROW LEVEL SECURITY")
    op.execute("UPDATE accounts SET kind = 'MANUAL' WHERE kind = 'CONNECTED'")
    op.execute("ALTER TABLE accounts FORCE ROW LEVEL SECURITY")
    op.create_check_constraint(op.f("ck_accounts_kind"), "accounts", "kind IN ('MANUAL')")


def _accounts() -> None:
    op.drop_constraint(op.f("ck_accounts_kind"), "accounts")
    op.create_check_constraint(op.f("ck_accounts_kind"), "accounts", "kind IN ('MANUAL', 'CONNECTED')")
    op.add_column("accounts", sa.Column("method", sa.Text(), nullable=True))
    op.add_column(
        "accounts", sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False)
    )
    op.add_column("accounts", sa.Column("health", sa.Text(), nullable=True))
    op.add_column("accounts", sa.Column("health_message", sa.Text(), nullable=True))
    op.add_column("accounts", sa.Column("missing_permissions", postgresql.ARRAY(sa.Text()), nullable=True))
    op.add_column("accounts", sa.Column("response_milliseconds", sa.Integer(), nullable=True))
    op.add_column("accounts", sa.Column("health_checked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("accounts", sa.Column("disconnected_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(op.f("ck_accounts_health"), "accounts", "health IN ('HEALTHY', 'DEGRADED', 'ERROR')")


def _account_credentials() -> None:
    op.create_table(
        "account_credentials",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_account_credentials_organization_id_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "account_id", name=op.f("pk_account_credentials")),
    )
    op.create_index(
        op.f("ix_account_credentials_organization_id_key_id"),
        "account_credentials",
        ["organization_id", "key_id"],
        unique=False,
    )


def _account_checks() -> None:
    op.create_table(
        "account_checks",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("health", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("missing_permissions", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("response_milliseconds", sa.Integer(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("health IN ('HEALTHY', 'DEGRADED', 'ERROR')", name=op.f("ck_account_checks_health")),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_account_checks_organization_id_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_account_checks")),
    )
    op.create_index(
        op.f("ix_account_checks_organization_id_account_id_id"),
        "account_checks",
        ["organization_id", "account_id", "id"],
        unique=False,
    )


def _resources() -> None:
    op.add_column("resources", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("resources", sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        op.f("ix_resources_organization_id_resource_type_account_id_region"),
        "resources",
        ["organization_id", "resource_type", "account_id", "region"],
        unique=False,
    )


def _resource_relationships() -> None:
    op.create_table(
        "resource_relationships",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target_native_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "resource_id", "kind", "target_native_id", name=op.f("pk_resource_relationships")
        ),
    )
    op.create_index(
        "ix_resource_relationships_target",
        "resource_relationships",
        ["organization_id", "target_native_id", "kind", "resource_id"],
        unique=False,
    )


def _resource_changes() -> None:
    op.create_table(
        "resource_changes",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("scan_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('CHANGED', 'REMOVED', 'RETURNED')", name=op.f("ck_resource_changes_kind")),
        sa.ForeignKeyConstraint(
            ["organization_id", "resource_id"],
            ["resources.organization_id", "resources.id"],
            name=op.f("fk_resource_changes_organization_id_resource_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_resource_changes")),
    )
    op.create_index(
        op.f("ix_resource_changes_organization_id_resource_id_id"),
        "resource_changes",
        ["organization_id", "resource_id", "id"],
        unique=False,
    )


def _scans() -> None:
    op.create_table(
        "scans",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("schedule_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("regions", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("services", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("remedy", sa.Text(), nullable=True),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'PARTIAL', 'FAILED', 'CANCELLED')", name=op.f("ck_scans_state")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_scans_organization_id_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_scans")),
    )
    op.create_index(
        op.f("ix_scans_organization_id_account_id_id"), "scans", ["organization_id", "account_id", "id"], unique=False
    )
    op.create_index(
        "uq_scans_under_way",
        "scans",
        ["organization_id", "account_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('QUEUED', 'RUNNING')"),
    )
    op.create_index(
        op.f("ix_scans_organization_id_queued_at_id"), "scans", ["organization_id", "queued_at", "id"], unique=False
    )


def _scan_steps() -> None:
    op.create_table(
        "scan_steps",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("scan_id", sa.Uuid(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("removed", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("collected", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("problems", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('PENDING', 'RUNNING', 'SUCCEEDED', 'PARTIAL', 'FAILED', 'CANCELLED')",
            name=op.f("ck_scan_steps_state"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "scan_id"],
            ["scans.organization_id", "scans.id"],
            name=op.f("fk_scan_steps_organization_id_scan_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_scan_steps")),
        sa.UniqueConstraint(
            "organization_id",
            "scan_id",
            "service",
            "region",
            name=op.f("uq_scan_steps_organization_id_scan_id_service_region"),
        ),
    )


def _scan_sightings() -> None:
    op.create_table(
        "scan_sightings",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("step_id", sa.Uuid(), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "step_id", "resource_id", name=op.f("pk_scan_sightings")),
    )


def _scan_schedules() -> None:
    op.create_table(
        "scan_schedules",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("cron", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("jitter_seconds", sa.Integer(), nullable=False),
        sa.Column("account_ids", postgresql.ARRAY(sa.Uuid()), nullable=True),
        sa.Column("regions", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("services", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("next_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_scan_schedules")),
        sa.UniqueConstraint("organization_id", "name", name=op.f("uq_scan_schedules_organization_id_name")),
    )


def _jobs() -> None:
    for name, columns, state in (
        ("ix_jobs_queued", ["organization_id", "wake_at"], "QUEUED"),
        ("ix_jobs_running", ["organization_id"], "RUNNING"),
        ("ix_jobs_dead", ["kind", "id"], "DEAD"),
    ):
        op.create_index(name, "jobs", columns, unique=False, postgresql_where=sa.text(f"state = '{state}'"))
