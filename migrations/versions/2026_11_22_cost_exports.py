"""Exports of charges as FOCUS files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_cost_exports"
down_revision = "20261122_cost_sources"
branch_labels = None
depends_on = None

APP = "skyledger_app"


def upgrade() -> None:
    """Add the table, then close it to all but its tenant."""
    json = postgresql.JSONB(astext_type=sa.Text())
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "cost_exports",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=True),
        sa.Column("criteria", json, nullable=False),
        sa.Column("focus_version", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("omitted", json, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.LargeBinary(), nullable=True),
        sa.Column("storage", sa.Text(), nullable=True),
        sa.Column("multipart_id", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("started_at", moment, nullable=True),
        sa.Column("finished_at", moment, nullable=True),
        sa.Column("expires_at", moment, nullable=False),
        sa.CheckConstraint(
            "state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'EXPIRED')", name=op.f("ck_cost_exports_state")
        ),
        sa.CheckConstraint("format IN ('csv', 'csv.gz', 'parquet')", name=op.f("ck_cost_exports_format")),
        sa.CheckConstraint("period_end > period_start", name=op.f("ck_cost_exports_period")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_cost_exports")),
    )
    for columns in (["organization_id", "created_at", "id"], ["organization_id", "expires_at"]):
        op.create_index(op.f(f"ix_cost_exports_{'_'.join(columns)}"), "cost_exports", columns)
    op.execute("ALTER TABLE cost_exports ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE cost_exports FORCE ROW LEVEL SECURITY")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON cost_exports TO {APP}")
    op.execute(
        f"CREATE POLICY tenant ON cost_exports TO {APP} "
        "USING (organization_id = app_org()) WITH CHECK (organization_id = app_org())"
    )


def downgrade() -> None:
    """Drop the table; the files of it are then files without rows."""
    op.drop_table("cost_exports")
