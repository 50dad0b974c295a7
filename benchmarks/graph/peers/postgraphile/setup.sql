-- A computed column, as PostGraphile's users write one: what charges of this month to today say of a resource.
-- 0 where the bills know it and say nothing of this month, null where no bill ever named it.
CREATE OR REPLACE FUNCTION resources_month_to_date_cost(resource resources) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT sum(coalesce(paid.amount, 0))
    FROM resource_dims d
    JOIN accounts a ON a.organization_id = resource.organization_id AND a.id = resource.account_id
    CROSS JOIN LATERAL (
        SELECT sum(c.effective_cost) AS amount
        FROM charges c
        JOIN cost_dims k ON k.organization_id = c.organization_id AND k.id = c.cost_dim_id
        JOIN summary_dims s ON s.organization_id = k.organization_id AND s.id = k.summary_dim_id
            AND s.provider = resource.provider AND coalesce(s.sub_account_id, s.billing_account_id) = a.native_id
        WHERE c.organization_id = resource.organization_id AND c.resource_dim_id = d.id
            AND c.charge_period_start >= date_trunc('month', now(), 'UTC')
            AND c.charge_period_start < date_trunc('day', now(), 'UTC') + interval '1 day'
    ) AS paid
    WHERE d.organization_id = resource.organization_id AND d.resource_key = resource.native_id
$$;
