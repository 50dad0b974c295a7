"""The SQL that fills the cost store for benchmarks: dimensions, charges, and what grows beyond the charges made."""

from __future__ import annotations

SETUP = (
    """INSERT INTO organizations (id, slug, name, currency, created_at, updated_at)
        VALUES (:org, 'benchmark', 'Benchmark', 'USD', now(), now())""",
    """INSERT INTO summary_dims SELECT :org, n, (ARRAY['AWS', 'AZURE', 'GCP'])[1 + account % 3],
            (ARRAY['Amazon Web Services', 'Microsoft', 'Google Cloud'])[1 + account % 3], 'payer ' || account % 3, NULL,
            lpad(account::text, 12, '0'), 'Account ' || account, 'Category ' || service % 8, 'Service ' || service,
            CASE WHEN service % 20 = 19 THEN 'Purchase' ELSE 'Usage' END, 'USD'
        FROM (SELECT n, n % 50 AS account, n / 50 AS service FROM generate_series(1, 2000) AS n) AS dims""",
    """INSERT INTO cost_dims (organization_id, id, summary_dim_id, region_id, region_name, pricing_category)
        SELECT :org, n, 1 + (n - 1) % 2000, 'region-' || n / 2000, 'Region ' || n / 2000, 'Standard'
        FROM generate_series(1, 10000) AS n""",
    """INSERT INTO sku_dims (organization_id, id, sku_id, charge_description, pricing_unit)
        SELECT :org, n, 'sku-' || n, 'What is sold as number ' || n, 'Hours' FROM generate_series(1, 1000) AS n""",
    """INSERT INTO allocation_sets
        SELECT :org, n, jsonb_build_object('team', 'team-' || n % 30, 'env', 'env-' || n / 30)
        FROM generate_series(1, 150) AS n""",
    """INSERT INTO tag_sets SELECT :org, n, jsonb_build_object('Team', 'team-' || a % 30, 'env', 'env-' || a / 30,
            'Name', 'name-' || n), a
        FROM (SELECT n, 1 + (n - 1) % 150 AS a FROM generate_series(1, 600) AS n) AS sets""",
    "INSERT INTO promoted_tag_keys VALUES (:org, 'team', 1, now()), (:org, 'env', 2, now())",
    """INSERT INTO currency_rates SELECT :org, 'USD', 'EUR', day, 0.9, 'benchmark', now()
        FROM generate_series(date '2026-01-01', date '2026-10-31', interval '1 day') AS day""",
    """INSERT INTO accounts (organization_id, id, provider, kind, native_id, name, created_at, updated_at, settings)
        VALUES (:org, :account, 'AWS', 'MANUAL', '000000000000', 'Account', now(), now(), '{}')""",
)
PERIOD = """
    INSERT INTO cost_import_periods (organization_id, import_id, dataset, billing_account_id, billing_period_start,
        billing_period_end, status, finality, first_day, last_day, charge_count, last_line, billing_currency,
        billed_cost, unknown, created_at)
    VALUES (:org, :import_id, 'benchmark', 'payer', :month, :following, 'ACTIVE', 'FINAL', :month, :last, 0, 0,
        'USD', 0, '{}', now()) RETURNING id"""
# An account's charges have one of three tag sets; a resource belongs to one cost dimension.
RESOURCES = """
    INSERT INTO resource_dims SELECT :org, n, 'resource-' || md5(n::text), 'name ' || n, 'Type ' || n % 50,
        'zone-' || n % 9, 'resource-' || md5(n::text)
    FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n"""
CHARGES = """
    INSERT INTO charges (organization_id, import_period_id, line_no, charge_period_start, charge_period_end,
        cost_dim_id, sku_dim_id, resource_dim_id, tag_set_id, detail_dim_id,
        billed_cost, effective_cost, list_cost, contracted_cost)
    SELECT :org, :period, n, day, day + interval '1 day', cost, 1 + n % 1000, resource,
        1 + (cost % 50) * 3 + n % 3 + 150 * (n % 4), 0, amount, amount, amount * 1.25, amount * 1.1
    FROM (
        SELECT n, resource, 1 + (resource - 1) % 10000 AS cost, start + number % days * interval '1 day' AS day,
            round((number % 99991 * 0.000731)::numeric, 10) AS amount
        FROM (
            SELECT n, 1 + mod(hashint8(n) & 2147483647, :resources) AS resource,
                hashint8(-n) & 2147483647 AS number
            FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n
        ) AS numbers, (SELECT CAST(:start AS timestamptz) AS start, CAST(:days AS integer) AS days) AS month
    ) AS charge"""
MORE_RESOURCES = """
    INSERT INTO resource_monthly (organization_id, month, resource_dim_id, billing_currency, import_period_id,
        billed_cost, effective_cost, list_cost, contracted_cost, charge_count)
    SELECT :org, :month, n, 'USD', :period, amount, amount, amount * 1.25, amount * 1.1, 30
    FROM (SELECT n, round(((hashint8(n) & 2147483647) % 99991 * 0.021)::numeric, 10) AS amount
        FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n) AS resources"""
INVENTORY = """
    INSERT INTO resources (organization_id, id, account_id, provider, service, resource_type, native_id, name, tags,
        properties, content_hash, first_seen_at, last_seen_at, updated_at)
    SELECT :org, gen_random_uuid(), :account, 'AWS', 'Service', 'Type', d.resource_key, 'name', '{}', '{}', '', now(),
        now(), now()
    FROM resource_dims d WHERE d.organization_id = :org AND (d.id - 1) % 10000 % 2000 + 1 IN
        (SELECT id FROM summary_dims WHERE organization_id = :org AND sub_account_id = '000000000000'
            AND provider = 'AWS') ORDER BY d.id LIMIT 100"""
