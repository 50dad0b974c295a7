"""Recommendations with their history."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_recommendations"
down_revision = "20261122_told_figures"
branch_labels = None
depends_on = None

APP = "skyledger_app"
TABLES = ("recommendations", "recommendation_history")


def upgrade() -> None:
    """Make the tables, then close each to all but its tenant."""
    _recommendations()
    _history()
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


def _json(name: str) -> sa.Column[Any]:
    return _column(name, postgresql.JSONB(astext_type=sa.Text()))


def _recommendations() -> None:
    op.create_table(
        "recommendations",
        _column("organization_id", sa.Uuid()),
        _column("id", sa.Uuid()),
        _column("account_id", sa.Uuid()),
        _column("check_id", sa.Text()),
        _column("subject_key", sa.Text()),
        _column("node", sa.Text()),
        _column("severity", sa.Text()),
        _column("confidence", sa.Text()),
        _column("remedy", sa.Text()),
        _column("price_basis", sa.Text()),
        _json("saving"),
        _json("evidence"),
        _column("rule_version", sa.Integer()),
        _column("saving_order", sa.Numeric()),
        _column("resource_id", sa.Uuid(), nullable=True),
        _column("monthly_saving", sa.Numeric(), nullable=True),
        _column("currency", sa.Text(), nullable=True),
        _column("converted_saving", sa.Numeric(), nullable=True),
        _column("target", sa.Text(), nullable=True),
        _column("part_of", sa.Text(), nullable=True),
        _column("covers_parts", sa.Boolean()),
        _column("is_counted", sa.Boolean()),
        _column("state", sa.Text()),
        _moment("state_changed_at"),
        _moment("found_at"),
        _moment("last_found_at"),
        _column("ignored_until", sa.Date(), nullable=True),
        _column("reason", sa.Text(), nullable=True),
        _column("note", sa.Text(), nullable=True),
        _column("due_on", sa.Date(), nullable=True),
        _column("decided_by", sa.Uuid(), nullable=True),
        _column("resolution", sa.Text(), nullable=True),
        _moment("resolved_at", nullable=True),
        _moment("proved_at", nullable=True),
        sa.CheckConstraint(
            "state IN ('OPEN', 'IGNORED', 'MARKED_FOR_DELETION', 'RESOLVED')", name=op.f("ck_recommendations_state")
        ),
        sa.CheckConstraint(
            "(state = 'RESOLVED') = (resolution IS NOT NULL)", name=op.f("ck_recommendations_resolution")
        ),
        sa.CheckConstraint(
            "price_basis IN ('ACTUAL', 'CONTRACTED', 'LIST', 'UNKNOWN')", name=op.f("ck_recommendations_price_basis")
        ),
        sa.CheckConstraint(
            "(monthly_saving IS NULL) = (price_basis = 'UNKNOWN')", name=op.f("ck_recommendations_amount")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "account_id"],
            ["accounts.organization_id", "accounts.id"],
            name=op.f("fk_recommendations_organization_id_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_recommendations")),
        sa.UniqueConstraint(
            "organization_id",
            "check_id",
            "subject_key",
            name=op.f("uq_recommendations_organization_id_check_id_subject_key"),
        ),
    )
    op.create_index(
        op.f("ix_recommendations_organization_id_resource_id"), "recommendations", ["organization_id", "resource_id"]
    )
    op.create_index(
        op.f("ix_recommendations_organization_id_account_id_state"),
        "recommendations",
        ["organization_id", "account_id", "state"],
    )
    for column in ("saving_order", "found_at"):
        op.create_index(
            op.f(f"ix_recommendations_organization_id_{column}_id"),
            "recommendations",
            ["organization_id", column, "id"],
        )


def _history() -> None:
    op.create_table(
        "recommendation_history",
        _column("organization_id", sa.Uuid()),
        _column("id", sa.Uuid()),
        _column("recommendation_id", sa.Uuid()),
        _column("kind", sa.Text()),
        _column("actor_kind", sa.Text()),
        _column("actor_id", sa.Uuid(), nullable=True),
        _json("data"),
        _moment("happened_at"),
        sa.ForeignKeyConstraint(
            ["organization_id", "recommendation_id"],
            ["recommendations.organization_id", "recommendations.id"],
            name=op.f("fk_recommendation_history_organization_id_recommendation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_recommendation_history")),
    )
    op.create_index(
        op.f("ix_recommendation_history_organization_id_recommendation_id_id"),
        "recommendation_history",
        ["organization_id", "recommendation_id", "id"],
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in reversed(TABLES):
        op.drop_table(table)
