"""Archives of what is kept about a person, and accounts to be erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261123_personal_data"
down_revision = "20261123_exports"
branch_labels = None
depends_on = None

SYSTEM = "skyledger_system"
TABLES = ("personal_exports", "account_erasures")


def upgrade() -> None:
    """Make the tables, which only the system role reaches, and let that role delete people and what was answered them.

    Memberships and sessions of a person go with the person's row, by their foreign keys.
    """
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "personal_exports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("file_id", sa.Uuid(), nullable=True),
        sa.Column("sha256", sa.LargeBinary(), nullable=True),
        sa.Column("storage", sa.Text(), nullable=True),
        sa.Column("multipart_id", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("finished_at", moment, nullable=True),
        sa.Column("expires_at", moment, nullable=False),
        sa.CheckConstraint(
            "state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'EXPIRED')", name=op.f("ck_personal_exports_state")
        ),
        _of_user("personal_exports"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_personal_exports")),
    )
    op.create_table(
        "account_erasures",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("requested_at", moment, nullable=False),
        sa.Column("due_at", moment, nullable=False),
        _of_user("account_erasures"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_account_erasures")),
    )
    for table, column in (
        ("personal_exports", "user_id"),
        ("personal_exports", "expires_at"),
        ("account_erasures", "due_at"),
    ):
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {SYSTEM}")
        op.execute(f"CREATE POLICY system ON {table} TO {SYSTEM} USING (true) WITH CHECK (true)")
    op.execute(f"GRANT DELETE ON users TO {SYSTEM}")
    op.execute(f"GRANT SELECT (principal) ON stored_answers TO {SYSTEM}")


def _of_user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f(f"fk_{table}_user_id"), ondelete="CASCADE")


def downgrade() -> None:
    """Drop them: nobody's account is erased any more."""
    op.execute("REVOKE SELECT (principal) ON stored_answers FROM skyledger_system")
    op.execute(f"REVOKE DELETE ON users FROM {SYSTEM}")
    for table in TABLES:
        op.drop_table(table)
