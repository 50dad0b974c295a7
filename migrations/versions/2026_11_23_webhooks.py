"""Webhooks, their deliveries and attempts."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261123_webhooks"
down_revision = "20261123_trusted_documents"
branch_labels = None
depends_on = None

APP = "skyledger_app"
SYSTEM = "skyledger_system"
# Those that point to others last.
NEW_TABLES = ("webhooks", "webhook_deliveries", "webhook_attempts")


def upgrade() -> None:
    """Make the tables; the system role finds which webhooks are behind, and sees nothing of what is sent."""
    _webhooks()
    _deliveries()
    _attempts()
    for table in NEW_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP}")
        op.execute(
            f"CREATE POLICY tenant ON {table} TO {APP} "
            "USING (organization_id = app_org()) WITH CHECK (organization_id = app_org())"
        )
    op.execute(f"GRANT SELECT (organization_id, id, state, place) ON webhooks TO {SYSTEM}")
    looked_at = "organization_id, id, webhook_id, state, next_attempt_at, created_at"
    op.execute(f"GRANT SELECT ({looked_at}), DELETE ON webhook_deliveries TO {SYSTEM}")
    for table in ("webhooks", "webhook_deliveries"):
        op.execute(f"CREATE POLICY system ON {table} TO {SYSTEM} USING (true) WITH CHECK (true)")


def downgrade() -> None:
    """Drop them."""
    for table in reversed(NEW_TABLES):
        op.drop_table(table)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("kinds", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        _moment("job_at", nullable=True),
        _moment("failing_since", nullable=True),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        _moment("previous_until", nullable=True),
        _moment("created_at"),
        _moment("updated_at"),
        sa.CheckConstraint("state IN ('ENABLED', 'DISABLED')", name=op.f("ck_webhooks_state")),
        sa.CheckConstraint("(state = 'DISABLED') = (disabled_reason IS NOT NULL)", name=op.f("ck_webhooks_disabled")),
        sa.CheckConstraint("actor_kind IN ('USER', 'API_KEY')", name=op.f("ck_webhooks_actor_kind")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_webhooks")),
    )
    op.create_index(
        "ix_webhooks_enabled",
        "webhooks",
        ["organization_id", "place"],
        postgresql_where=sa.text("state = 'ENABLED'"),
    )


def _deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _moment("next_attempt_at", nullable=True),
        _moment("claimed_until", nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        _moment("created_at"),
        _moment("finished_at", nullable=True),
        sa.CheckConstraint(
            "state IN ('PENDING', 'SUCCEEDED', 'FAILED', 'CANCELLED')", name=op.f("ck_webhook_deliveries_state")
        ),
        sa.CheckConstraint(
            "(state = 'PENDING') = (next_attempt_at IS NOT NULL)", name=op.f("ck_webhook_deliveries_next_attempt")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "webhook_id"],
            ["webhooks.organization_id", "webhooks.id"],
            name=op.f("fk_webhook_deliveries_organization_id_webhook_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint(
            "organization_id",
            "webhook_id",
            "sequence",
            name=op.f("uq_webhook_deliveries_organization_id_webhook_id_sequence"),
        ),
    )
    op.create_index(
        "ix_webhook_deliveries_newest",
        "webhook_deliveries",
        ["organization_id", "webhook_id", "created_at", "id"],
    )
    op.create_index(
        "ix_webhook_deliveries_due",
        "webhook_deliveries",
        ["organization_id", "webhook_id", "next_attempt_at"],
        postgresql_where=sa.text("state = 'PENDING'"),
    )
    op.create_index(op.f("ix_webhook_deliveries_created_at"), "webhook_deliveries", ["created_at"])


def _attempts() -> None:
    op.create_table(
        "webhook_attempts",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        _moment("started_at"),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("response_body", sa.Text(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id", "delivery_id"],
            ["webhook_deliveries.organization_id", "webhook_deliveries.id"],
            name=op.f("fk_webhook_attempts_organization_id_delivery_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_webhook_attempts")),
    )
    op.create_index(
        op.f("ix_webhook_attempts_organization_id_delivery_id_id"),
        "webhook_attempts",
        ["organization_id", "delivery_id", "id"],
    )
