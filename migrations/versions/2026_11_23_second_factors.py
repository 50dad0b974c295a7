"""Second factors, mails about sign-ins, and when an e-mail address was verified."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261123_second_factors"
down_revision = "20261123_deletion_tags"
branch_labels = None
depends_on = None

APP, SYSTEM = "skyledger_app", "skyledger_system"
TABLES = ("totp_factors", "recovery_codes", "log_in_challenges", "identity_mails")


def upgrade() -> None:
    """Make the tables, which sign people in before a tenant is known: only the system role reaches them."""
    op.add_column("users", sa.Column("email_verified_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(f"GRANT SELECT (email_verified_at) ON users TO {APP}")
    op.create_table(
        "totp_factors",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        _moment("created_at"),
        _moment("confirmed_at", nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=True),
        _of_user("totp_factors"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_totp_factors")),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        _moment("created_at"),
        _moment("used_at", nullable=True),
        _of_user("recovery_codes"),
        sa.PrimaryKeyConstraint("user_id", "code_hash", name=op.f("pk_recovery_codes")),
    )
    op.create_table(
        "log_in_challenges",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        _moment("created_at"),
        _moment("expires_at"),
        sa.Column("tries", sa.Integer(), nullable=False),
        _moment("used_at", nullable=True),
        _of_user("log_in_challenges"),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_log_in_challenges")),
    )
    op.create_table(
        "identity_mails",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        _moment("created_at"),
        _moment("expires_at"),
        _moment("sent_at", nullable=True),
        _moment("used_at", nullable=True),
        _of_user("identity_mails"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_mails")),
    )
    for table in ("log_in_challenges", "identity_mails"):
        for column in ("expires_at", "user_id"):
            op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {SYSTEM}")
        op.execute(f"CREATE POLICY system ON {table} TO {SYSTEM} USING (true) WITH CHECK (true)")


def downgrade() -> None:
    """Drop them: everybody signs in with the password alone."""
    for table in TABLES:
        op.drop_table(table)
    op.drop_column("users", "email_verified_at")


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _of_user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f(f"fk_{table}_user_id"), ondelete="CASCADE")
