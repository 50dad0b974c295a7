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

// What this month's roll-up says, as f reads it: 0 where bills know the resource, null where none ever named it.
export const COSTS = {
  name: 'costs',
  text: `SELECT r.id AS key, (
      SELECT coalesce(sum(m.effective_cost), CASE WHEN count(d.id) > 0 THEN 0 END)
      FROM resource_dims d LEFT JOIN resource_monthly m ON m.organization_id = $1 AND m.resource_dim_id = d.id
        AND m.month = date_trunc('month', now() AT TIME ZONE 'UTC')::date AND m.billing_currency = $3
      WHERE d.organization_id = $1 AND d.resource_key = r.native_id
    ) AS amount
    FROM resources r WHERE r.organization_id = $1 AND r.id = ANY($2::uuid[])`
}
