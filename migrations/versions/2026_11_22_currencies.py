"""Dated currency rates of an organization."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261122_currencies"
down_revision = "20261122_uploads"
branch_labels = None
depends_on = None

APP = "skyledger_app"


def upgrade() -> None:
    """Make the table and close it to all but its tenant."""
    op.create_table(
        "currency_rates",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("from_currency", sa.Text(), nullable=False),
        sa.Column("to_currency", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("rate", sa.Numeric(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        # NaN is greater than every number in PostgreSQL, infinity included.
        sa.CheckConstraint("rate > 0 AND rate < 'Infinity'", name=op.f("ck_currency_rates_rate")),
        sa.CheckConstraint("from_currency <> to_currency", name=op.f("ck_currency_rates_pair")),
        sa.PrimaryKeyConstraint(
            "organization_id", "from_currency", "to_currency", "valid_from", name=op.f("pk_currency_rates")
        ),
    )
    op.execute("ALTER TABLE currency_rates ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE currency_rates FORCE ROW LEVEL SECURITY")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON currency_rates TO {APP}")
    op.execute(
        f"CREATE POLICY tenant ON currency_rates TO {APP} "
        "USING (organization_id = app_org()) WITH CHECK (organization_id = app_org())"
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("currency_rates")
