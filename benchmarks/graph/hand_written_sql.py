"""The statements of the hand-written pages."""

# ruff: noqa: S608  (what is put into a statement are the constants of this file)

from __future__ import annotations

from typing import Final

_COLUMNS: Final = """r.id, r.provider, r.service, r.resource_type, r.native_id, r.name, r.region, r.availability_zone,
        r.status, r.tags::text AS tags, r.first_seen_at, r.last_seen_at"""
_PAGE: Final = """
    FROM resources r WHERE r.organization_id = $1 AND r.gone_at IS NULL
    ORDER BY r.organization_id, r.name, r.id LIMIT $2"""
RESOURCES: Final = f"SELECT {_COLUMNS} {_PAGE}"
RESOURCES_WITH_COST: Final = f"""
    SELECT {_COLUMNS}, (
        SELECT coalesce(sum(m.effective_cost), CASE WHEN count(d.id) > 0 THEN 0 END)
        FROM resource_dims d LEFT JOIN resource_monthly m ON m.organization_id = $1 AND m.resource_dim_id = d.id
            AND m.month = $3 AND m.billing_currency = $4
        WHERE d.organization_id = $1 AND d.resource_key = r.native_id)::text AS cost {_PAGE}"""
RECOMMENDATIONS_OF: Final = """
    SELECT f.resource_id, f.id, f.check_id, f.state, f.severity, f.converted_saving::text AS amount
    FROM unnest($2::uuid[]) AS asked(id) CROSS JOIN LATERAL (
        SELECT * FROM recommendations n
        WHERE n.organization_id = $1 AND n.resource_id = asked.id AND n.state <> 'RESOLVED'
        ORDER BY n.saving_order DESC, n.id LIMIT 5) AS f"""
VIEWER: Final = """
    SELECT u.name AS user_name, u.email, o.slug, o.name, o.currency
    FROM users u CROSS JOIN organizations o WHERE u.id = $1 AND o.id = $2 AND o.deleted_at IS NULL"""
BY_SERVICE: Final = """
    SELECT service_name AS key, sum(effective_cost)::text AS amount, sum(sum(effective_cost)) OVER ()::text AS total
    FROM service_monthly WHERE organization_id = $1 AND billing_currency = $2 AND month = $3
    GROUP BY 1 ORDER BY sum(effective_cost) DESC, 1 LIMIT 50"""
BY_DAY: Final = """
    SELECT days.day, coalesce(sum(c.effective_cost), 0)::text AS amount,
        coalesce(sum(sum(c.effective_cost)) OVER (), 0)::text AS total
    FROM (SELECT day::date FROM generate_series($3::date, $4::date - 1, interval '1 day') AS day) AS days
    LEFT JOIN provider_daily c ON c.organization_id = $1 AND c.billing_currency = $2 AND c.day = days.day
    GROUP BY 1 ORDER BY 1"""
TOP_RESOURCES: Final = """
    SELECT d.resource_id, d.resource_name, d.resource_type, d.availability_zone, m.effective_cost::text
    FROM (SELECT resource_dim_id, effective_cost FROM resource_monthly
        WHERE organization_id = $1 AND billing_currency = $2 AND month = $3
        ORDER BY effective_cost DESC NULLS LAST LIMIT 100) AS m
    JOIN resource_dims d ON d.organization_id = $1 AND d.id = m.resource_dim_id
    ORDER BY m.effective_cost DESC NULLS LAST"""
ALL_SIDES: Final = 0b111
INVENTORY: Final = """
    SELECT grouping(provider, service, status) AS side, coalesce(provider, service, status) AS key, count(*) AS count
    FROM resources WHERE organization_id = $1 AND gone_at IS NULL
    GROUP BY GROUPING SETS ((), (provider), (service), (status)) ORDER BY 3 DESC, 2"""
ACCOUNTS: Final = """
    SELECT id, name, provider, native_id FROM accounts
    WHERE organization_id = $1 AND disconnected_at IS NULL ORDER BY name, id LIMIT 20"""
DEAREST: Final = """
    SELECT id, check_id, severity, found_at, converted_saving::text AS amount FROM recommendations
    WHERE organization_id = $1 AND state = 'OPEN' ORDER BY saving_order DESC, id DESC LIMIT 20"""
RECENT: Final = """
    SELECT id, name, resource_type, status, last_seen_at FROM resources
    WHERE organization_id = $1 AND gone_at IS NULL ORDER BY last_seen_at DESC, id DESC LIMIT 20"""
