// Who calls: the token's signature each time, the session's look-up once in four seconds, as the project does it.
import { parseArgs } from 'node:util'

import { createVerifier } from 'fast-jwt'
import pg from 'pg'

const CACHE_MILLISECONDS = 4_000
const POOL_SIZE = 10
const REACH = `
  SELECT s.user_id, s.expires_at, s.revoked_at, o.id, o.slug, m.role
  FROM sessions s
  LEFT JOIN memberships m ON m.user_id = s.user_id
  LEFT JOIN organizations o ON o.id = m.organization_id AND o.deleted_at IS NULL
  WHERE s.id = $1`

/** The command line: `--port`, `--database-url`, `--secret`; `--dataloader` for Mercurius. */
export function settings () {
  const options = { port: { type: 'string' }, 'database-url': { type: 'string' }, secret: { type: 'string' } }
  const { values } = parseArgs({ options: { ...options, dataloader: { type: 'boolean' } } })
  for (const name of Object.keys(options)) {
    if (!values[name]) throw new Error(`--${name} is missing`)
  }
  const { port, 'database-url': databaseUrl, secret, dataloader } = values
  return { port: Number(port), databaseUrl, secret, dataloader }
}

const refused = (message) => Object.assign(new Error(message), { statusCode: 401 })

/** A pool whose connections all run as `role`, so that row security binds them; without one, as who logs in. */
export function poolAs (role, databaseUrl, max = POOL_SIZE) {
  const options = role ? `-c role=${role} -c timezone=UTC` : '-c timezone=UTC'
  return new pg.Pool({ connectionString: databaseUrl, max, options, application_name: 'peer' })
}

/** A function from an `Authorization` header to the caller: `{ userId, organizations: Map slug -> {id, role} }`. */
export function makeCallers ({ databaseUrl, secret }) {
  const pool = poolAs('skyledger_system', databaseUrl, 1)
  const read = createVerifier({
    key: secret,
    algorithms: ['HS256'],
    allowedIss: 'skyledger',
    allowedAud: 'skyledger:access',
    requiredClaims: ['sub', 'sid', 'iat', 'exp']
  })
  const kept = new Map()

  function claimsOf (authorization) {
    if (!authorization?.startsWith('Bearer ')) throw refused('Send `Authorization: Bearer`.')
    try {
      return read(authorization.slice(7))
    } catch {
      throw refused('The access token is not valid.')
    }
  }

  async function lookUp (sessionId) {
    const { rows } = await pool.query({ name: 'reach', text: REACH, values: [sessionId] })
    if (!rows.length || rows[0].revoked_at || rows[0].expires_at < new Date()) return null
    const organizations = new Map(rows.filter((row) => row.id).map(({ id, slug, role }) => [slug, { id, role }]))
    return { userId: rows[0].user_id, organizations }
  }

  return async function callerOf (authorization) {
    const claims = claimsOf(authorization)
    let found = kept.get(claims.sid)
    if (!found || found.until < Date.now()) {
      found = { until: Date.now() + CACHE_MILLISECONDS, caller: lookUp(claims.sid) }
      found.caller.catch(() => kept.delete(claims.sid))
      kept.set(claims.sid, found)
    }
    const caller = await found.caller
    if (!caller || caller.userId !== claims.sub) throw refused('This session has ended.')
    return caller
  }
}
