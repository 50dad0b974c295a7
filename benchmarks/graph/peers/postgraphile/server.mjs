// PostGraphile 5 over Skyledger's own tables, as its documentation sets it up for a server of its own.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

import { PgSimplifyInflectionPreset } from '@graphile/simplify-inflection'
import { postgraphile } from 'postgraphile'
import { makePgService } from 'postgraphile/adaptors/pg'
import { grafserv } from 'postgraphile/grafserv/node'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'
import { context, constant } from 'postgraphile/grafast'
import { addPgTableCondition, extendSchema, gql, jsonPgSmartTags } from 'postgraphile/utils'
import { sql } from 'postgraphile/pg-sql2'
import { sqlValueWithCodec, TYPES } from 'postgraphile/@dataplan/pg'

import { makeCallers, poolAs, settings } from '../callers.mjs'

const given = settings()
const callerOf = makeCallers(given)
const pool = poolAs(null, given.databaseUrl)
await pool.query(readFileSync(new URL('setup.sql', import.meta.url), 'utf8'))

// What the tables do not say by foreign keys of their own.
const OF_RESOURCE = '(organization_id, resource_id) references resources (organization_id, id)'
const smartTags = jsonPgSmartTags({
  version: 1,
  config: {
    class: {
      resources: { tags: { foreignKey: '(organization_id) references organizations (id)' } },
      recommendations: { tags: { foreignKey: `${OF_RESOURCE}|@foreignFieldName recommendations` } }
    }
  }
})

const condition = (tableName, name, sqlOf) =>
  addPgTableCondition({ schemaName: 'public', tableName }, name, (build) => ({
    type: build.graphql.GraphQLBoolean,
    apply ($condition, value) {
      if (value != null) $condition.where(sql`${sqlOf($condition.alias)} = ${sqlValueWithCodec(value, TYPES.boolean)}`)
    }
  }))
const isThere = condition('resources', 'isThere', (row) => sql`(${row}.gone_at IS NULL)`)
const isStanding = condition('recommendations', 'isStanding', (row) => sql`(${row}.state <> 'RESOLVED')`)

// The documentation's own way to tell who is calling: a plan that begins at what pgSettings hold.
const viewer = extendSchema((build) => {
  const { users, memberships } = build.pgResources
  return {
    typeDefs: gql`
      type Viewer { user: User }
      extend type Query { viewer: Viewer }
      extend type Organization { viewerRole: String }
    `,
    objects: {
      Query: { plans: { viewer: () => constant(Object.freeze({})) } },
      Viewer: { plans: { user: () => users.get({ id: context().get('userId') }) } },
      Organization: {
        plans: {
          viewerRole ($organization) {
            const key = { organization_id: $organization.get('id'), user_id: context().get('userId') }
            return memberships.get(key).get('role')
          }
        }
      }
    }
  }
})

const preset = {
  extends: [PostGraphileAmberPreset, PgSimplifyInflectionPreset],
  plugins: [smartTags, isThere, isStanding, viewer],
  pgServices: [
    makePgService({
      pool,
      schemas: ['public'],
      pubsub: false,
      pgSettingsForIntrospection: { role: 'skyledger_app' }
    })
  ],
  gather: { installWatchFixtures: false },
  grafserv: { graphiql: false, watch: false },
  grafast: {
    explain: false,
    async context ({ node }) {
      const { userId, organizations } = await callerOf(node.req.headers.authorization)
      const organization = organizations.get(node.req.headers['x-organization'])
      return {
        userId,
        pgSettings: {
          role: 'skyledger_app',
          'app.user_id': userId,
          'app.organization_id': organization?.id ?? ''
        }
      }
    }
  }
}

const server = createServer()
await postgraphile(preset).createServ(grafserv).addTo(server)
server.listen(given.port, '127.0.0.1', () => console.log('ready'))
