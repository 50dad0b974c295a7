"""What providers themselves recommend: the tables of it, and their estimates as a basis of money."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261123_provider_opinions"
down_revision = "20261123_ignored_scope"
branch_labels = None
depends_on = None

APP = "skyledger_app"
OPINIONS, READINGS = "provider_opinions", "opinion_readings"


def upgrade() -> None:
    """Make the tables, close them to all but their tenant, then allow the basis."""
    op.create_table(
        OPINIONS,
        *_key(),
        sa.Column("native_id", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("kind", "remedy", "title")),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("resource_native_id", "resource_type", "region")),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("monthly_saving", sa.Numeric(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("saving_reason", sa.Text(), nullable=True),
        sa.Column("lookback_days", sa.Integer(), nullable=True),
        sa.Column("refreshed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("link", sa.Text(), nullable=True),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(monthly_saving IS NULL) = (currency IS NULL) AND (monthly_saving IS NULL) = (saving_reason IS NOT NULL)",
            name=op.f("ck_provider_opinions_saving"),
        ),
        _of_account(OPINIONS),
        sa.PrimaryKeyConstraint(
            "organization_id", "account_id", "source", "native_id", name=op.f("pk_provider_opinions")
        ),
    )
    op.create_index(
        op.f("ix_provider_opinions_resource"),
        OPINIONS,
        ["organization_id", "account_id", "resource_native_id"],
    )
    op.create_table(
        READINGS,
        *_key(),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint("problem IS NOT NULL OR completed_at IS NOT NULL", name=op.f("ck_opinion_readings_problem")),
        _of_account(READINGS),
        sa.PrimaryKeyConstraint("organization_id", "account_id", "source", name=op.f("pk_opinion_readings")),
    )
    for table in (OPINIONS, READINGS):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP}")
        op.execute(
            f"CREATE POLICY tenant ON {table} TO {APP} "
            "USING (organization_id = app_org()) WITH CHECK (organization_id = app_org())"
        )
    _allow_bases("'ACTUAL', 'CONTRACTED', 'LIST', 'PROVIDER', 'UNKNOWN'")


def downgrade() -> None:
    """Drop the tables with what rests on nothing but them."""
    op.execute("DELETE FROM recommendations WHERE price_basis = 'PROVIDER'")
    _allow_bases("'ACTUAL', 'CONTRACTED', 'LIST', 'UNKNOWN'")
    op.drop_table(READINGS)
    op.drop_table(OPINIONS)


def _key() -> list[sa.Column[object]]:
    columns: list[sa.Column[object]] = [
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
    ]
    return columns


def _of_account(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id", "account_id"],
        ["accounts.organization_id", "accounts.id"],
        name=op.f(f"fk_{table}_organization_id_account_id"),
        ondelete="CASCADE",
    )


def _allow_bases(words: str) -> None:
    name = op.f("ck_recommendations_price_basis")
    op.drop_constraint(name, "recommendations", type_="check")
    op.create_check_constraint(name, "recommendations", f"price_basis IN ({words})")
