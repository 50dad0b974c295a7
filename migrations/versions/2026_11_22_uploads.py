"""Uploads: files on their way in, byte by byte."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261122_uploads"
down_revision = "20261122_cost_store"
branch_labels = None
depends_on = None

APP = "skyledger_app"


def upgrade() -> None:
    """Add the table, then close it to all but its tenant."""
    op.create_table(
        "uploads",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=True),
        sa.Column("bytes_expected", sa.BigInteger(), nullable=False),
        sa.Column("bytes_received", sa.BigInteger(), nullable=False),
        sa.Column("sha256_expected", sa.LargeBinary(), nullable=True),
        sa.Column("sha256", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("storage", sa.Text(), nullable=False),
        sa.Column("multipart_id", sa.Text(), nullable=True),
        sa.Column("writer_id", sa.Uuid(), nullable=True),
        sa.Column("writer_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('CREATED', 'RECEIVING', 'COMPLETE', 'FAILED', 'EXPIRED')", name=op.f("ck_uploads_state")
        ),
        sa.CheckConstraint("storage IN ('LOCAL', 'S3')", name=op.f("ck_uploads_storage")),
        sa.CheckConstraint(
            "bytes_expected > 0 AND bytes_received BETWEEN 0 AND bytes_expected", name=op.f("ck_uploads_bytes")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_uploads")),
    )
    op.create_index(
        op.f("ix_uploads_organization_id_created_at_id"), "uploads", ["organization_id", "created_at", "id"]
    )
    op.create_index(op.f("ix_uploads_organization_id_expires_at"), "uploads", ["organization_id", "expires_at"])
    op.execute("ALTER TABLE uploads ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE uploads FORCE ROW LEVEL SECURITY")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON uploads TO {APP}")
    op.execute(
        f"CREATE POLICY tenant ON uploads TO {APP} "
        "USING (organization_id = app_org()) WITH CHECK (organization_id = app_org())"
    )


def downgrade() -> None:
    """Drop the table; the files of it are then files without rows."""
    op.drop_table("uploads")
