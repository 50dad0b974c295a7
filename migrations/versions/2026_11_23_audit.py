"""The audit: a chain of rows for each organization that can be added to and read, and not be changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261123_audit"
down_revision = "20261123_plans"
branch_labels = None
depends_on = None

APP = "skyledger_app"
GRANTS = {
    "audit_heads": "SELECT, INSERT, UPDATE",
    "audit_events": "SELECT, INSERT",
    "audit_details": "SELECT, INSERT, DELETE",
}
FUNCTIONS = (
    # Whether the running transaction has changed a row. One that has only locked some has a number of its own too, so
    # the counters are asked (0.3 ms for all tables, next to nothing for that which most acts write to); without
    # counters the number has to do. They also count what earlier transactions of the connection have not reported yet,
    # so reports are made at once: the answer is wrong seldom, and never no for one that has changed something.
    """CREATE FUNCTION app_has_changed() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
        IF pg_current_xact_id_if_assigned() IS NULL THEN
            RETURN false;
        END IF;
        PERFORM pg_stat_force_next_flush();
        IF pg_stat_get_xact_tuples_inserted('activity_events'::regclass) > 0
            OR NOT current_setting('track_counts')::boolean THEN
            RETURN true;
        END IF;
        RETURN EXISTS (
            SELECT FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
            AND relname <> 'stored_answers' AND pg_stat_get_xact_tuples_inserted(oid)
                + pg_stat_get_xact_tuples_updated(oid) + pg_stat_get_xact_tuples_deleted(oid) > 0);
    END $$""",
    # Beside the missing grants, which bind the application only: this binds the owner of the table too.
    """CREATE FUNCTION app_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END $$""",
)


def upgrade() -> None:
    """Make the tables, close them to all but their tenant, and the rows to everybody."""
    op.create_table(
        "audit_heads",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.Column("last_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_audit_heads")),
    )
    op.create_table(
        "audit_events",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("subject_type", sa.Text(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("client_address_digest", sa.LargeBinary(), nullable=True),
        sa.Column("summary_digest", sa.LargeBinary(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "number", name=op.f("pk_audit_events")),
    )
    for column in ("actor_id", "subject_id"):
        name = op.f(f"ix_audit_events_organization_id_{column}_number")
        op.create_index(name, "audit_events", ["organization_id", column, "number"])
    op.create_table(
        "audit_details",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("client_address", sa.Text(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "number", name=op.f("pk_audit_details")),
    )
    for table, privileges in GRANTS.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT {privileges} ON {table} TO {APP}")
        op.execute(
            f"CREATE POLICY tenant ON {table} TO {APP} "
            "USING (organization_id = app_org()) WITH CHECK (organization_id = app_org())"
        )
    for function in FUNCTIONS:
        op.execute(function)
    op.execute(
        "CREATE TRIGGER only_added BEFORE UPDATE OR DELETE ON audit_events "
        "FOR EACH ROW EXECUTE FUNCTION app_refuse_change()"
    )


def downgrade() -> None:
    """Drop all of it."""
    for table in reversed(GRANTS):
        op.drop_table(table)
    op.execute("DROP FUNCTION app_refuse_change()")
    op.execute("DROP FUNCTION app_has_changed()")
