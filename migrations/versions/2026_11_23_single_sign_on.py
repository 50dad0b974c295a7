"""Single sign-on by OpenID Connect; people who have no password, and sessions that say how they began."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261123_single_sign_on"
down_revision = "20261123_webhooks"
branch_labels = None
depends_on = None

APP, SYSTEM = "skyledger_app", "skyledger_system"
TENANT_TABLES = ("single_sign_ons", "single_sign_on_identities", "single_sign_on_flows")
# What comes before a tenant is known; the sealed secret is the tenant's alone.
SYSTEM_GRANTS = {
    "single_sign_ons": "SELECT (organization_id, required)",
    "single_sign_on_identities": "SELECT, INSERT, UPDATE",
    "single_sign_on_flows": "SELECT, INSERT, UPDATE, DELETE",
    "verified_domains": "SELECT, INSERT, DELETE",
}


def upgrade() -> None:
    """Make the tables. Only the system role says whose a domain is: a tenant sees its own, and may give them up."""
    op.alter_column("users", "password_hash", existing_type=sa.Text(), nullable=True)
    for table in ("sessions", "log_in_challenges"):
        op.add_column(table, sa.Column("began_by", sa.Text(), nullable=False, server_default="PASSWORD"))
    _tables()
    for table in (*TENANT_TABLES, "verified_domains"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT {SYSTEM_GRANTS[table]} ON {table} TO {SYSTEM}")
        op.execute(f"CREATE POLICY system ON {table} TO {SYSTEM} USING (true) WITH CHECK (true)")
    for table in TENANT_TABLES:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP}")
        op.execute(
            f"CREATE POLICY tenant ON {table} TO {APP} "
            "USING (organization_id = app_org()) WITH CHECK (organization_id = app_org())"
        )
    op.execute(f"GRANT SELECT, DELETE ON verified_domains TO {APP}")
    op.execute(f"CREATE POLICY tenant ON verified_domains TO {APP} USING (organization_id = app_org())")


def _tables() -> None:
    op.create_table(
        "single_sign_ons",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("issuer", "client_id", "key_id")),
        *(sa.Column(name, sa.LargeBinary(), nullable=False) for name in ("wrapped_key", "sealed")),
        sa.Column("domains", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("default_role", sa.Text(), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        _moment("created_at"),
        _moment("updated_at"),
        sa.CheckConstraint(
            "default_role IN ('ADMIN', 'MEMBER', 'VIEWER')", name=op.f("ck_single_sign_ons_default_role")
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_single_sign_ons")),
    )
    op.create_table(
        "verified_domains",
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        _moment("verified_at"),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_verified_domains")),
    )
    op.create_table(
        "single_sign_on_identities",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("issuer", "subject")),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        _moment("created_at"),
        _moment("last_used_at"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_single_sign_on_identities_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organization_id", "issuer", "subject", name=op.f("pk_single_sign_on_identities")),
    )
    op.create_table(
        "single_sign_on_flows",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        *(sa.Column(name, sa.LargeBinary(), nullable=False) for name in ("state_hash", "cookie_hash")),
        sa.Column("verifier_challenge", sa.Text(), nullable=True),
        _moment("created_at"),
        _moment("expires_at"),
        _moment("returned_at", nullable=True),
        sa.Column("code_hash", sa.LargeBinary(), nullable=True),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("issuer", "subject", "email", "name")),
        _moment("used_at", nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "state_hash", name=op.f("pk_single_sign_on_flows")),
    )
    op.create_index(op.f("ix_verified_domains_organization_id"), "verified_domains", ["organization_id"])
    op.create_index(op.f("ix_single_sign_on_identities_user_id"), "single_sign_on_identities", ["user_id"])
    for column in ("state_hash", "code_hash", "expires_at"):
        op.create_index(op.f(f"ix_single_sign_on_flows_{column}"), "single_sign_on_flows", [column])


def downgrade() -> None:
    """Drop them. People without a password get one that nobody knows, and reset it by mail."""
    for table in (*TENANT_TABLES, "verified_domains"):
        op.drop_table(table)
    for table in ("sessions", "log_in_challenges"):
        op.drop_column(table, "began_by")
    op.execute("ALTER TABLE users NO FORCE ROW LEVEL SECURITY")
    op.execute("UPDATE users SET password_hash = 'none' WHERE password_hash IS NULL")
    op.execute("ALTER TABLE users FORCE ROW LEVEL SECURITY")
    op.alter_column("users", "password_hash", existing_type=sa.Text(), nullable=False)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
