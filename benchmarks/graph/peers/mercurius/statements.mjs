// The SQL of the Mercurius peer, each statement prepared once a connection. $1 is the organization where there is one.
const RESOURCE = `id AS key, provider, service, resource_type AS "resourceType", native_id AS "nativeId", name, region,
  availability_zone AS "availabilityZone", status, tags, first_seen_at AS "firstSeenAt", last_seen_at AS "lastSeenAt"`

export const ENTER = {
  name: 'enter',
  text: "SELECT set_config('app.organization_id', $1, false), set_config('app.user_id', $2, false)"
}

export const USER = { name: 'user', text: 'SELECT id AS key, name, email FROM users WHERE id = $1' }

export const ORGANIZATION = {
  name: 'organization',
  text: 'SELECT id AS key, slug, name, currency FROM organizations WHERE slug = $1 AND deleted_at IS NULL'
}

export const RESOURCES = {
  name: 'resources',
  text: `SELECT ${RESOURCE} FROM resources WHERE organization_id = $1 AND gone_at IS NULL
    ORDER BY organization_id, name, id LIMIT $2`
}

export const RECOMMENDATIONS = {
  name: 'recommendations',
  text: `SELECT first.* FROM unnest($2::uuid[]) AS wanted(key)
    CROSS JOIN LATERAL (
      SELECT resource_id AS "resourceId", id AS key, check_id AS "checkId", state, severity,
        converted_saving AS amount
      FROM recommendations
      WHERE organization_id = $1 AND resource_id = wanted.key AND state <> 'RESOLVED'
      ORDER BY saving_order DESC, id LIMIT $3
    ) AS first`
}

// What charges of this month to today say: 0 where bills know the resource, no row where none ever named it.
export const COSTS = {
  name: 'costs',
  text: `SELECT r.id AS key, sum(coalesce(paid.amount, 0)) AS amount
    FROM resources r
    JOIN accounts a ON a.organization_id = r.organization_id AND a.id = r.account_id
    JOIN resource_dims d ON d.organization_id = r.organization_id AND d.resource_key = r.native_id
    CROSS JOIN LATERAL (
      SELECT sum(c.effective_cost) AS amount
      FROM charges c
      JOIN cost_dims k ON k.organization_id = c.organization_id AND k.id = c.cost_dim_id
      JOIN summary_dims s ON s.organization_id = k.organization_id AND s.id = k.summary_dim_id
        AND s.provider = r.provider AND coalesce(s.sub_account_id, s.billing_account_id) = a.native_id
      WHERE c.organization_id = $1 AND c.resource_dim_id = d.id
        AND c.charge_period_start >= date_trunc('month', now(), 'UTC')
        AND c.charge_period_start < date_trunc('day', now(), 'UTC') + interval '1 day'
    ) AS paid
    WHERE r.organization_id = $1 AND r.id = ANY($2::uuid[])
    GROUP BY r.id`
}
