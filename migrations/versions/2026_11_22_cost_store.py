"""The lean cost store: deliveries, interned dimensions, partitioned charges, roll-ups.

It takes the place of the first, wide table of charges. Charges in that table are not carried over: nothing tells from
which delivery they came, so send their files again.
"""

from __future__ import annotations

from itertools import starmap
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_cost_store"
down_revision = "20261122_clouds"
branch_labels = None
depends_on = None

APP = "skyledger_app"
IMPORTER = "skyledger_importer"

TYPES: dict[str, Any] = {
    "uuid": sa.Uuid(),
    "text": sa.Text(),
    "bigint": sa.BigInteger(),
    "integer": sa.Integer(),
    "date": sa.Date(),
    "timestamptz": sa.DateTime(timezone=True),
    "numeric": sa.Numeric(),
    "jsonb": postgresql.JSONB(astext_type=sa.Text()),
    "bytea": sa.LargeBinary(),
    "boolean": sa.Boolean(),
}
AMOUNTS = (
    "billed_cost numeric!, effective_cost numeric, list_cost numeric, contracted_cost numeric, charge_count bigint!"
)
# Table: (columns, of which those with ! are NOT NULL; columns of the primary key behind organization_id).
TABLES = {
    "cost_imports": (
        (
            "id uuid!, dataset text!, mode text!, state text!, source jsonb!, billing_currency text, "
            "focus_version text, "
            "sha256 bytea, bytes_total bigint, bytes_read bigint!, received bigint!, added bigint!, unchanged bigint!, "
            "rejected bigint!, conformance jsonb!, message text, job_id uuid, created_at timestamptz!, "
            "started_at timestamptz, finished_at timestamptz"
        ),
        "id",
    ),
    "cost_import_periods": (
        (
            "id bigint!, import_id uuid!, dataset text!, billing_account_id text!, billing_period_start date!, "
            "billing_period_end date!, status text!, finality text!, first_day date!, last_day date!, "
            "charge_count bigint!, last_line bigint!, billing_currency text, billed_cost numeric!, "
            "unknown jsonb!, created_at timestamptz!, "
            "superseded_at timestamptz"
        ),
        "id",
    ),
    "import_rejects": (
        (
            "import_id uuid!, number integer!, file_name text, line_number bigint!, column_name text, value text, "
            "reason text!"
        ),
        "import_id number",
    ),
    "summary_dims": (
        (
            "id bigint!, provider text!, service_provider_name text, billing_account_id text, "
            "billing_account_name text, "
            "sub_account_id text, sub_account_name text, service_category text, service_name text, "
            "charge_category text, "
            "billing_currency text!"
        ),
        "id",
    ),
    "cost_dims": (
        (
            "id bigint!, summary_dim_id bigint!, billing_account_type text, sub_account_type text, "
            "host_provider_name text, invoice_issuer_name text, provider_name text, publisher_name text, "
            "invoice_id text, "
            "service_subcategory text, region_id text, region_name text, charge_class text, charge_frequency text, "
            "pricing_category text, pricing_currency text, commitment_discount_category text, "
            "commitment_discount_id text, commitment_discount_name text, commitment_discount_status text, "
            "commitment_discount_type text, commitment_discount_unit text, capacity_reservation_id text, "
            "capacity_reservation_status text"
        ),
        "id",
    ),
    "sku_dims": (
        (
            "id bigint!, charge_description text, sku_id text, sku_meter text, sku_price_details jsonb, "
            "sku_price_id text, pricing_unit text, consumed_unit text, list_unit_price numeric, "
            "contracted_unit_price numeric, pricing_currency_list_unit_price numeric, "
            "pricing_currency_contracted_unit_price numeric"
        ),
        "id",
    ),
    "resource_dims": (
        (
            "id bigint!, resource_id text, resource_name text, resource_type text, availability_zone text, "
            "resource_key text"
        ),
        "id",
    ),
    "tag_sets": ("id bigint!, tags jsonb!, allocation_id bigint!", "id"),
    "allocation_sets": ("id bigint!, tags jsonb!", "id"),
    "detail_dims": (
        (
            "id bigint!, allocated_method_details jsonb, allocated_method_id text, allocated_resource_id text, "
            "allocated_resource_name text, allocated_tags jsonb, contract_applied jsonb, "
            "commitment_program_eligibility_details jsonb, invoice_detail_id text, extra jsonb!"
        ),
        "id",
    ),
    "charges": (
        (
            "import_period_id bigint!, line_no bigint!, charge_period_start timestamptz!, "
            "charge_period_end timestamptz!, "
            "cost_dim_id bigint!, sku_dim_id bigint!, resource_dim_id bigint!, tag_set_id bigint!, "
            "detail_dim_id bigint!, "
            "billed_cost numeric!, effective_cost numeric, list_cost numeric, contracted_cost numeric, "
            "pricing_quantity numeric, consumed_quantity numeric, commitment_discount_quantity numeric, "
            "pricing_currency_effective_cost numeric, identity bytea"
        ),
        "charge_period_start import_period_id line_no",
    ),
    "cost_daily": (
        f"day date!, cost_dim_id bigint!, import_period_id bigint!, {AMOUNTS}",
        "day cost_dim_id import_period_id",
    ),
    "service_daily": (
        f"day date!, summary_dim_id bigint!, import_period_id bigint!, {AMOUNTS}",
        "day summary_dim_id import_period_id",
    ),
    "tag_daily": (
        f"day date!, allocation_id bigint!, summary_dim_id bigint!, import_period_id bigint!, {AMOUNTS}",
        "day allocation_id summary_dim_id import_period_id",
    ),
    "resource_monthly": (
        f"month date!, resource_dim_id bigint!, billing_currency text!, import_period_id bigint!, {AMOUNTS}",
        "month resource_dim_id billing_currency import_period_id",
    ),
    "cost_months": ("month date!, shared_resources boolean!", "month"),
    "provider_daily": (
        (
            "day date!, provider text!, service_provider_name text!, charge_category text!, billing_currency text!, "
            f"{AMOUNTS}"
        ),
        "day provider service_provider_name charge_category billing_currency",
    ),
    "service_monthly": (
        (
            "month date!, provider text!, service_provider_name text!, service_category text!, service_name text!, "
            f"charge_category text!, billing_currency text!, {AMOUNTS}"
        ),
        "month provider service_provider_name service_category service_name charge_category billing_currency",
    ),
    "summary_monthly": (f"month date!, summary_dim_id bigint!, {AMOUNTS}", "month summary_dim_id"),
    "tag_service_daily": (
        (
            "day date!, allocation_id bigint!, service_name text!, charge_category text!, billing_currency text!, "
            f"{AMOUNTS}"
        ),
        "day allocation_id service_name charge_category billing_currency",
    ),
}
CHECKS = {
    "cost_imports": {
        "mode": "mode IN ('REPLACE', 'APPEND')",
        "state": "state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'UNCHANGED', 'REJECTED', 'FAILED', 'CANCELLED')",
    },
    "cost_import_periods": {
        "status": "status IN ('ACTIVE', 'SUPERSEDED')",
        "finality": "finality IN ('PROVISIONAL', 'FINAL')",
    },
}
# Each with its columns behind organization_id.
INDEXES = {
    "cost_imports": "dataset sha256",
    "cost_import_periods": "import_id",
    "cost_dims": "summary_dim_id",
    "tag_sets": "allocation_id",
    "cost_daily": "import_period_id",
    "service_daily": "import_period_id",
    "tag_daily": "import_period_id",
    "resource_monthly": "import_period_id",
}
OTHER_INDEXES = (
    (
        "CREATE UNIQUE INDEX uq_cost_import_periods_active ON cost_import_periods "
        "(organization_id, dataset, billing_account_id, billing_period_start) WHERE status = 'ACTIVE'"
    ),
    "CREATE INDEX ix_resource_dims_organization_id_resource_key ON resource_dims (organization_id, resource_key)",
    "CREATE INDEX ix_resource_dims_organization_id_resource_id ON resource_dims (organization_id, resource_id)",
    (
        "CREATE INDEX ix_resource_monthly_effective ON resource_monthly "
        "(organization_id, month, billing_currency, effective_cost DESC NULLS LAST, resource_dim_id)"
    ),
    "CREATE INDEX ix_resource_monthly_resource ON resource_monthly (organization_id, resource_dim_id, month)",
    "CREATE INDEX ix_charges_resource ON charges (organization_id, resource_dim_id, charge_period_start)",
    (
        "CREATE UNIQUE INDEX uq_charges_identity ON charges (organization_id, identity, charge_period_start) "
        "WHERE identity IS NOT NULL"
    ),
)
# COPY refuses tables with row security, so its role passes that by; it may do nothing else than add charges. Only a
# superuser, or who passes by row security itself, can make it: without it, charges come through a temporary table.
CREATE_IMPORTER = f"""
DO $$ BEGIN
    IF to_regrole('{IMPORTER}') IS NULL THEN
        CREATE ROLE {IMPORTER} NOLOGIN BYPASSRLS;
    END IF;
    IF NOT pg_has_role('{IMPORTER}', 'SET') THEN
        GRANT {IMPORTER} TO CURRENT_USER WITH INHERIT FALSE, SET TRUE;
    END IF;
    GRANT USAGE ON SCHEMA public TO {IMPORTER};
    GRANT INSERT ON charges TO {IMPORTER};
EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN NULL;
END $$
"""
# ATTACH takes a weaker lock than CREATE TABLE … PARTITION OF: nobody who reads or writes charges waits for it. A policy
# of the parent does not guard a partition that is read directly, so each is closed by itself.
PARTITION_FUNCTION = """
CREATE FUNCTION app_charge_partition(month date) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
    first date := date_trunc('month', month)::date;
    name text := 'charges_' || to_char(first, 'YYYY_MM');
BEGIN
    IF first NOT BETWEEN '2000-01-01' AND '2049-12-01' THEN
        RAISE EXCEPTION 'no partition for %: charges begin in the years 2000 to 2049', first;
    END IF;
    IF to_regclass(name) IS NOT NULL THEN RETURN; END IF;
    PERFORM pg_advisory_xact_lock(hashtext('app_charge_partition'));
    EXECUTE format('CREATE TABLE %I (LIKE charges INCLUDING DEFAULTS)', name);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY tenant ON %I TO skyledger_app USING (organization_id = app_org()) '
                   'WITH CHECK (organization_id = app_org())', name);
    EXECUTE format('ALTER TABLE charges ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name,
                   first::timestamp AT TIME ZONE 'UTC', (first + interval '1 month') AT TIME ZONE 'UTC');
EXCEPTION WHEN duplicate_table THEN NULL; -- made by who had the lock before: its name may still seem to be free
END $$
"""
# Every charge with all its columns, under the rights and the row security of who asks. The organization stands on both
# sides of each join: it prunes shards and leads every index.
FOCUS_CHARGES = """
CREATE VIEW focus_charges WITH (security_invoker = true) AS
SELECT c.organization_id, c.import_period_id, c.line_no, p.dataset, p.import_id, p.created_at AS ingested_at,
    c.charge_period_start, c.charge_period_end,
    p.billing_period_start::timestamp AT TIME ZONE 'UTC' AS billing_period_start,
    p.billing_period_end::timestamp AT TIME ZONE 'UTC' AS billing_period_end,
    c.billed_cost, c.effective_cost, c.list_cost, c.contracted_cost, c.pricing_quantity, c.consumed_quantity,
    c.commitment_discount_quantity, c.pricing_currency_effective_cost,
    c.cost_dim_id, k.summary_dim_id, c.sku_dim_id, c.resource_dim_id, c.tag_set_id, c.detail_dim_id,
    s.provider, s.service_provider_name, s.billing_account_id, s.billing_account_name, s.sub_account_id,
    s.sub_account_name, s.service_category, s.service_name, s.charge_category, s.billing_currency,
    k.billing_account_type, k.sub_account_type, k.host_provider_name, k.invoice_issuer_name, k.provider_name,
    k.publisher_name, k.invoice_id, k.service_subcategory, k.region_id, k.region_name, k.charge_class,
    k.charge_frequency, k.pricing_category, k.pricing_currency, k.commitment_discount_category,
    k.commitment_discount_id, k.commitment_discount_name, k.commitment_discount_status, k.commitment_discount_type,
    k.commitment_discount_unit, k.capacity_reservation_id, k.capacity_reservation_status,
    u.charge_description, u.sku_id, u.sku_meter, u.sku_price_details, u.sku_price_id, u.pricing_unit, u.consumed_unit,
    u.list_unit_price, u.contracted_unit_price, u.pricing_currency_list_unit_price,
    u.pricing_currency_contracted_unit_price,
    r.resource_id, r.resource_name, r.resource_type, r.availability_zone, r.resource_key,
    t.tags, t.allocation_id,
    d.allocated_method_details, d.allocated_method_id, d.allocated_resource_id, d.allocated_resource_name,
    d.allocated_tags, d.contract_applied, d.commitment_program_eligibility_details, d.invoice_detail_id, d.extra
FROM charges c
JOIN cost_import_periods p ON p.organization_id = c.organization_id AND p.id = c.import_period_id
JOIN cost_dims k ON k.organization_id = c.organization_id AND k.id = c.cost_dim_id
JOIN summary_dims s ON s.organization_id = c.organization_id AND s.id = k.summary_dim_id
LEFT JOIN sku_dims u ON u.organization_id = c.organization_id AND u.id = c.sku_dim_id
LEFT JOIN resource_dims r ON r.organization_id = c.organization_id AND r.id = c.resource_dim_id
LEFT JOIN tag_sets t ON t.organization_id = c.organization_id AND t.id = c.tag_set_id
LEFT JOIN detail_dims d ON d.organization_id = c.organization_id AND d.id = c.detail_dim_id
"""
# The first form of charges, for a downgrade.
WIDE_TEXTS = (
    "allocated_method_id allocated_resource_id allocated_resource_name availability_zone billing_account_id "
    "billing_account_name billing_account_type capacity_reservation_id capacity_reservation_status charge_category "
    "charge_class charge_description charge_frequency commitment_discount_category commitment_discount_id "
    "commitment_discount_name commitment_discount_status commitment_discount_type commitment_discount_unit "
    "consumed_unit host_provider_name invoice_detail_id invoice_id invoice_issuer_name pricing_category "
    "pricing_currency pricing_unit region_id region_name resource_id resource_name resource_type service_category "
    "service_name service_provider_name service_subcategory sku_id sku_meter sku_price_id sub_account_id "
    "sub_account_name sub_account_type provider_name publisher_name"
)
WIDE_NUMBERS = (
    "commitment_discount_quantity consumed_quantity contracted_cost contracted_unit_price effective_cost list_cost "
    "list_unit_price pricing_currency_contracted_unit_price pricing_currency_effective_cost "
    "pricing_currency_list_unit_price pricing_quantity"
)
WIDE_JSON = (
    "allocated_method_details allocated_tags commitment_program_eligibility_details contract_applied "
    "sku_price_details tags"
)


def upgrade() -> None:
    """Drop the wide table, make the new ones, then close each to all but its tenant."""
    op.drop_table("charges")
    for table, (columns, key) in TABLES.items():
        _create(table, columns, key)
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP}")
        op.execute(
            f"CREATE POLICY tenant ON {table} TO {APP} "
            "USING (organization_id = app_org()) WITH CHECK (organization_id = app_org())"
        )
    for table, columns in INDEXES.items():
        names = ["organization_id", *columns.split()]
        op.create_index(f"ix_{table}_{'_'.join(names)}", table, names)
    for statement in (*OTHER_INDEXES, FOCUS_CHARGES, PARTITION_FUNCTION, CREATE_IMPORTER):
        op.execute(statement)
    op.execute(f"GRANT SELECT ON focus_charges TO {APP}")
    op.execute("REVOKE EXECUTE ON FUNCTION app_charge_partition(date) FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION app_charge_partition(date) TO {APP}")


def _create(table: str, columns: str, key: str) -> None:
    made = sa.Identity() if table == "cost_import_periods" else None
    op.create_table(
        table,
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        *(_column(column, made if column == "id bigint!" else None) for column in columns.split(", ")),
        *starmap(_check, ((table, *check) for check in CHECKS.get(table, {}).items())),
        sa.PrimaryKeyConstraint("organization_id", *key.split(), name=f"pk_{table}"),
        postgresql_partition_by="RANGE (charge_period_start)" if table == "charges" else None,
    )


def _column(column: str, made: sa.Identity | None = None) -> sa.Column[Any]:
    name, type_ = column.split(" ")
    nullable = not type_.endswith("!")
    if made is not None:
        return sa.Column(name, TYPES[type_.rstrip("!")], made, nullable=nullable)
    return sa.Column(name, TYPES[type_.rstrip("!")], nullable=nullable, autoincrement=False)


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def downgrade() -> None:
    """Drop the store and make the wide table again, empty; the importer's role stays."""
    op.execute("DROP VIEW focus_charges")
    op.execute("DROP FUNCTION app_charge_partition(date)")
    for table in reversed(TABLES):
        op.drop_table(table)
    key = ("organization_id uuid", "id uuid", "dataset text", "identity bytea", "ingested_at timestamptz")
    period = ("charge_period_start timestamptz", "charge_period_end timestamptz")
    required = (*key, *period, "extra jsonb", "billed_cost numeric", "billing_currency text")
    optional = [f"{name} {type_}" for type_, names in _wide_columns().items() for name in names.split()]
    op.create_table(
        "charges",
        *(_column(f"{column}!") for column in required),
        *(_column(column) for column in optional),
        sa.CheckConstraint("charge_period_end > charge_period_start", name=op.f("ck_charges_period")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_charges")),
        sa.UniqueConstraint(
            "organization_id", "dataset", "identity", name=op.f("uq_charges_organization_id_dataset_identity")
        ),
    )
    start = "charge_period_start"
    for names in ([start, "id"], ["sub_account_id", start], ["resource_id", start]):
        op.create_index(f"ix_charges_organization_id_{'_'.join(names)}", "charges", ["organization_id", *names])
    op.execute("ALTER TABLE charges ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE charges FORCE ROW LEVEL SECURITY")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON charges TO {APP}")
    op.execute(
        f"CREATE POLICY tenant ON charges TO {APP} "
        "USING (organization_id = app_org()) WITH CHECK (organization_id = app_org())"
    )


def _wide_columns() -> dict[str, str]:
    return {
        "text": WIDE_TEXTS,
        "numeric": WIDE_NUMBERS,
        "jsonb": WIDE_JSON,
        "timestamptz": "billing_period_start billing_period_end",
    }
