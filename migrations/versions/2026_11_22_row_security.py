"""Roles, tenant functions and row-level security of every table.

Two roles that own nothing: `skyledger_app` runs every query of a tenant and sees one organization at a time;
`skyledger_system` signs people in and hands out jobs, before a tenant is known, and reaches no inventory and no cost.
"""

from __future__ import annotations

from alembic import op

revision = "20261122_row_security"
down_revision = "20261122_tables"
branch_labels = None
depends_on = None

APP = "skyledger_app"
SYSTEM = "skyledger_system"

TENANT_TABLES = (
    "memberships",
    "invitations",
    "api_keys",
    "accounts",
    "resources",
    "charges",
    "activity_heads",
    "activity_events",
    "jobs",
)
# What the system role may do, table by table.
SYSTEM_GRANTS = {
    "users": "SELECT, INSERT, UPDATE",
    "sessions": "SELECT, INSERT, UPDATE, DELETE",
    "refresh_tokens": "SELECT, INSERT, UPDATE, DELETE",
    "organizations": "SELECT",
    "memberships": "SELECT",
    "invitations": "SELECT",
    "api_keys": "SELECT, UPDATE (last_used_at)",
    "activity_heads": "SELECT",
    "jobs": "SELECT, INSERT, UPDATE, DELETE",
}

# Roles belong to the cluster, so another database of it, or an administrator, may have made them already. The log-in
# role enters them with SET ROLE. A managed owner is no superuser: since PostgreSQL 16 it administers the roles that it
# makes, but must give itself the right to enter them, and need not inherit what they may do.
CREATE_ROLE = """
DO $$ BEGIN
    IF to_regrole('{role}') IS NULL THEN
        BEGIN
            CREATE ROLE {role} NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END IF;
    IF NOT pg_has_role('{role}', 'SET') THEN
        GRANT {role} TO CURRENT_USER WITH INHERIT FALSE, SET TRUE;
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE EXCEPTION '% (%): as an administrator run ALTER ROLE % CREATEROLE, or, if the role % exists, GRANT % TO %',
        SQLERRM, current_user, quote_ident(current_user), '{role}', '{role}', quote_ident(current_user)
        USING ERRCODE = 'insufficient_privilege';
END $$
"""

FUNCTIONS = (
    # The current organization; NULL outside a tenant's transaction, and NULL equals no row.
    """CREATE FUNCTION app_org() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('app.organization_id', true), '')::uuid $$""",
    """CREATE FUNCTION app_user() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('app.user_id', true), '')::uuid $$""",
    # SET LOCAL, not set_config(): only the former reaches the workers of a Citus cluster.
    """CREATE FUNCTION app_set_org(id uuid) RETURNS void LANGUAGE plpgsql
    AS $$ BEGIN EXECUTE format('SET LOCAL app.organization_id = %L', coalesce(id::text, '')); END $$""",
    """CREATE FUNCTION app_set_user(id uuid) RETURNS void LANGUAGE plpgsql
    AS $$ BEGIN EXECUTE format('SET LOCAL app.user_id = %L', coalesce(id::text, '')); END $$""",
    # Policies may hold no sub-select (Citus refuses it), so the two look-ups of memberships stand in functions.
    """CREATE FUNCTION app_user_organizations() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT coalesce(array_agg(organization_id), '{}') FROM memberships WHERE user_id = app_user() $$""",
    """CREATE FUNCTION app_is_fellow(fellow uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT EXISTS (SELECT FROM memberships WHERE organization_id = app_org() AND user_id = fellow) $$""",
)
FUNCTION_NAMES = (
    "app_is_fellow(uuid)",
    "app_user_organizations()",
    "app_set_user(uuid)",
    "app_set_org(uuid)",
    "app_user()",
    "app_org()",
)


def upgrade() -> None:
    """Make the roles and functions, then close every table and open it row by row."""
    for role in (APP, SYSTEM):
        op.execute(CREATE_ROLE.format(role=role))
        op.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
    for function in FUNCTIONS:
        op.execute(function)
    op.execute(f"GRANT SELECT ON alembic_version TO {APP}")
    for table in ("users", "sessions", "refresh_tokens", "organizations", *TENANT_TABLES):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    for table in TENANT_TABLES:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP}")
        op.execute(
            f"CREATE POLICY tenant ON {table} TO {APP} "
            "USING (organization_id = app_org()) WITH CHECK (organization_id = app_org())"
        )
    _open_organizations_and_users()
    for table, privileges in SYSTEM_GRANTS.items():
        op.execute(f"GRANT {privileges} ON {table} TO {SYSTEM}")
        op.execute(f"CREATE POLICY system ON {table} TO {SYSTEM} USING (true) WITH CHECK (true)")


def _open_organizations_and_users() -> None:
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON organizations TO {APP}")
    op.execute(f"CREATE POLICY tenant ON organizations TO {APP} USING (id = app_org()) WITH CHECK (id = app_org())")
    op.execute(f"CREATE POLICY member ON organizations FOR SELECT TO {APP} USING (id = ANY (app_user_organizations()))")
    op.execute(f"CREATE POLICY own ON memberships FOR SELECT TO {APP} USING (user_id = app_user())")
    # Never the password hash: the column grant leaves it out.
    op.execute(f"GRANT SELECT (id, email, name, is_platform_admin, created_at) ON users TO {APP}")
    op.execute(f"CREATE POLICY fellow ON users FOR SELECT TO {APP} USING (id = app_user() OR app_is_fellow(id))")


def downgrade() -> None:
    """Take the policies and functions away; the roles stay, other databases of the cluster may use them."""
    for table in ("users", "sessions", "refresh_tokens", "organizations", *TENANT_TABLES):
        for policy in ("tenant", "system", "member", "own", "fellow"):
            op.execute(f"DROP POLICY IF EXISTS {policy} ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        op.execute(f"REVOKE ALL ON {table} FROM {APP}, {SYSTEM}")
    op.execute(f"REVOKE ALL ON alembic_version FROM {APP}")
    for function in FUNCTION_NAMES:
        op.execute(f"DROP FUNCTION {function}")
