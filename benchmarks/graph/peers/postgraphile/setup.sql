-- A computed column, as PostGraphile's users write one: what this month's roll-up says of a resource. 0 where bills
-- know it and say nothing of this month, null where none ever named it. It relies on what f does (hand_written.py).
CREATE OR REPLACE FUNCTION resources_month_to_date_cost(resource resources) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(m.effective_cost), CASE WHEN count(d.id) > 0 THEN 0 END)
    FROM resource_dims d
    JOIN organizations o ON o.id = d.organization_id
    LEFT JOIN resource_monthly m ON m.organization_id = d.organization_id AND m.resource_dim_id = d.id
        AND m.month = date_trunc('month', now() AT TIME ZONE 'UTC')::date AND m.billing_currency = o.currency
    WHERE d.organization_id = resource.organization_id AND d.resource_key = resource.native_id
$$;
