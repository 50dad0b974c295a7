"""The SQL that charges an organization's resources: dimensions, a charge of each resource every twelfth day.

Dimensions are numbered by hashes, as imports do: what they hold decides on their ids. What rolls the charges up is the
product's own SQL (app/repositories/cost_store.py).
"""

# ruff: noqa: S608  (what is put into a statement are the constants of this file)

from __future__ import annotations

EVERY_DAYS = 12
"""A resource is charged on each twelfth day, another one on each day: a day has charges of a twelfth of them."""
_SUMMARY = "hashtextextended('summary' || r.organization_id || r.account_id || r.service, 0)"
_COST = "hashtextextended('cost' || r.organization_id || r.account_id || r.service || r.region, 0)"
_SKU = "hashtextextended('sku' || r.organization_id || r.resource_type, 0)"
_RESOURCE = "hashtextextended('resource' || r.organization_id || r.native_id, 0)"
DIMENSIONS = (
    f"""INSERT INTO summary_dims (organization_id, id, provider, service_provider_name, billing_account_id,
            sub_account_id, sub_account_name, service_category, service_name, charge_category, billing_currency)
        SELECT DISTINCT $1::uuid, {_SUMMARY}, r.provider, r.provider || ' cloud', 'payer-' || lower(r.provider),
            a.native_id, a.name, 'Category ' || left(r.service, 1), r.service, 'Usage', 'USD'
        FROM resources r JOIN accounts a ON a.organization_id = r.organization_id AND a.id = r.account_id
        WHERE r.organization_id = $1""",
    f"""INSERT INTO cost_dims (organization_id, id, summary_dim_id, region_id, region_name, pricing_category)
        SELECT DISTINCT $1::uuid, {_COST}, {_SUMMARY}, r.region, r.region, 'Standard'
        FROM resources r WHERE r.organization_id = $1""",
    f"""INSERT INTO sku_dims (organization_id, id, sku_id, charge_description, pricing_unit)
        SELECT DISTINCT $1::uuid, {_SKU}, r.resource_type, 'What runs as ' || r.resource_type, 'Hours'
        FROM resources r WHERE r.organization_id = $1""",
    f"""INSERT INTO resource_dims (organization_id, id, resource_id, resource_name, resource_type, availability_zone,
            resource_key)
        SELECT $1::uuid, {_RESOURCE}, r.native_id, r.name, r.resource_type, r.availability_zone, r.native_id
        FROM resources r WHERE r.organization_id = $1 AND hashtext(r.native_id) % 20 <> 0""",
)
"""Of the organization $1. One resource of twenty bills nothing under its name."""
IMPORT = """
    INSERT INTO cost_imports (organization_id, id, dataset, mode, state, source, billing_currency, bytes_read, received,
        added, unchanged, rejected, conformance, created_at, started_at, finished_at)
    VALUES ($1, $2, $3, 'REPLACE', 'SUCCEEDED', '{"kind": "file"}', 'USD', 0, 0, 0, 0, 0, '[]', $4, $4, $4)"""
PERIOD = """
    INSERT INTO cost_import_periods (organization_id, import_id, dataset, billing_account_id, billing_period_start,
        billing_period_end, status, finality, first_day, last_day, charge_count, last_line, billing_currency,
        billed_cost, unknown, created_at)
    VALUES ($1, $2, $3, 'payer-' || lower($3), $4, $5, 'ACTIVE', 'PROVISIONAL', $4, $6, 0, 0, 'USD', 0, '{}', $7)
    RETURNING id"""
CHARGES = f"""
    INSERT INTO charges (organization_id, import_period_id, line_no, charge_period_start, charge_period_end,
        cost_dim_id, sku_dim_id, resource_dim_id, tag_set_id, detail_dim_id,
        billed_cost, effective_cost, list_cost, contracted_cost)
    SELECT $1::uuid, $2, row_number() OVER (), day, day + interval '1 day', {_COST}, {_SKU}, {_RESOURCE}, 0, 0,
        amount, amount * 0.9, amount * 1.25, amount
    FROM resources r
    CROSS JOIN generate_series($4::timestamptz, $5::timestamptz, interval '1 day') AS day
    CROSS JOIN LATERAL (SELECT round((hashtext(r.native_id || day) & 2147483647) % 99991 * 0.00073, 10) AS amount)
    WHERE r.organization_id = $1 AND r.provider = $3 AND hashtext(r.native_id) % 20 <> 0
        AND (hashtext(r.native_id) & 2147483647) % {EVERY_DAYS} = extract(doy FROM day)::int % {EVERY_DAYS}"""
"""Of the organization $1 and the import period $2 of the provider $3, on the days from $4 to $5."""
TOTALS = """
    UPDATE cost_import_periods p SET (charge_count, last_line, billed_cost) = (
        SELECT count(*), coalesce(max(line_no), 0), coalesce(sum(billed_cost), 0) FROM charges c
        WHERE c.organization_id = p.organization_id AND c.import_period_id = p.id)
    WHERE organization_id = $1"""
