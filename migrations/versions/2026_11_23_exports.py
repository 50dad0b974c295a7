"""Exports of connections as files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261123_exports"
down_revision = "20261123_stored_answers"
branch_labels = None
depends_on = None

APP = "skyledger_app"


def upgrade() -> None:
    """Add the table, then close it to all but its tenant."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "exports",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("variables", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("written", sa.BigInteger(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("file_id", sa.Uuid(), nullable=True),
        sa.Column("sha256", sa.LargeBinary(), nullable=True),
        sa.Column("storage", sa.Text(), nullable=True),
        sa.Column("multipart_id", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("started_at", moment, nullable=True),
        sa.Column("finished_at", moment, nullable=True),
        sa.Column("expires_at", moment, nullable=False),
        sa.CheckConstraint(
            "state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'EXPIRED')",
            name=op.f("ck_exports_state"),
        ),
        sa.CheckConstraint("format IN ('jsonl.gz', 'parquet')", name=op.f("ck_exports_format")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_exports")),
    )
    for columns in (["organization_id", "created_at", "id"], ["organization_id", "expires_at"]):
        op.create_index(op.f(f"ix_exports_{'_'.join(columns)}"), "exports", columns)
    op.execute("ALTER TABLE exports ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE exports FORCE ROW LEVEL SECURITY")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON exports TO {APP}")
    op.execute(
        f"CREATE POLICY tenant ON exports TO {APP} "
        "USING (organization_id = app_org()) WITH CHECK (organization_id = app_org())"
    )


def downgrade() -> None:
    """Drop the table; the files of it are then files without rows."""
    op.drop_table("exports")
