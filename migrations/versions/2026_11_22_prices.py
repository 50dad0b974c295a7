"""Prices: what providers ask, how reading that went, and what organizations pay instead."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261122_prices"
down_revision = "20261122_resource_usage"
branch_labels = None
depends_on = None

APP = "skyledger_app"
SYSTEM = "skyledger_system"
GLOBAL = ("prices", "price_readings")


def upgrade() -> None:
    """Make the tables: all tenants read prices, none sees how they were read, and each has its own overrides."""
    _prices()
    _readings()
    _overrides()
    for table in (*GLOBAL, "price_overrides"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    for table in GLOBAL:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {SYSTEM}")
        op.execute(f"CREATE POLICY system ON {table} TO {SYSTEM} USING (true) WITH CHECK (true)")
    op.execute(f"GRANT SELECT ON prices TO {APP}")
    op.execute(f"CREATE POLICY everybody ON prices FOR SELECT TO {APP} USING (true)")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON price_overrides TO {APP}")
    op.execute(
        f"CREATE POLICY tenant ON price_overrides TO {APP} "
        "USING (organization_id = app_org()) WITH CHECK (organization_id = app_org())"
    )


def _prices() -> None:
    op.create_table(
        "prices",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount >= 0 AND amount < 'Infinity'", name=op.f("ck_prices_amount")),
        sa.CheckConstraint("valid_to > valid_from", name=op.f("ck_prices_validity")),
        sa.PrimaryKeyConstraint("provider", "code", "region", "currency", "valid_from", name=op.f("pk_prices")),
    )
    op.create_index("ix_prices_provider_region", "prices", ["provider", "region"])


def _readings() -> None:
    op.create_table(
        "price_readings",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("position", sa.Text(), nullable=True),
        sa.Column("prices", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("provider", "document", name=op.f("pk_price_readings")),
    )


def _overrides() -> None:
    op.create_table(
        "price_overrides",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("pattern", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("discount_percent", sa.Numeric(), nullable=True),
        sa.Column("amount", sa.Numeric(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("num_nulls(discount_percent, amount) = 1", name=op.f("ck_price_overrides_terms")),
        sa.CheckConstraint(
            "discount_percent > 0 AND discount_percent <= 100", name=op.f("ck_price_overrides_discount")
        ),
        sa.CheckConstraint("amount >= 0 AND amount < 'Infinity'", name=op.f("ck_price_overrides_amount")),
        sa.CheckConstraint("num_nulls(amount, currency, unit) IN (0, 3)", name=op.f("ck_price_overrides_own_price")),
        sa.CheckConstraint("valid_to > valid_from", name=op.f("ck_price_overrides_validity")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_price_overrides")),
        sa.UniqueConstraint(
            "organization_id", "provider", "pattern", "region", "valid_from", name="uq_price_overrides_pattern"
        ),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("price_overrides", *GLOBAL):
        op.drop_table(table)
