// Mercurius with graphql-jit on fastify: a schema written by hand, with the fields and ids of Skyledger's own.
import { readFileSync } from 'node:fs'

import DataLoader from 'dataloader'
import Fastify from 'fastify'
import mercurius from 'mercurius'
import pg from 'pg'

import { makeCallers, poolAs, settings } from '../callers.mjs'
import { COSTS, ENTER, ORGANIZATION, RECOMMENDATIONS, RESOURCES, USER } from './statements.mjs'

// As text, as Skyledger writes them: a Date would cost more, and its microseconds.
pg.types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, (text) => text.replace(' ', 'T').replace('+00', 'Z'))

const given = settings()
const callerOf = makeCallers(given)
const pool = poolAs('skyledger_app', given.databaseUrl)

/** A connection of one request for one organization, or for none: taken at its first use, given back at its end. */
class Tenants {
  constructor (caller) {
    this.caller = caller
    this.clients = new Map()
  }

  query (organizationId, statement, values) {
    let client = this.clients.get(organizationId)
    if (client === undefined) this.clients.set(organizationId, (client = this.enter(organizationId)))
    return client.then((entered) => entered.query({ ...statement, values })).then(({ rows }) => rows)
  }

  async enter (organizationId) {
    const client = await pool.connect()
    try {
      await client.query({ ...ENTER, values: [organizationId, this.caller.userId] })
    } catch (error) {
      client.release(error)
      throw error
    }
    return client
  }

  leave () {
    for (const client of this.clients.values()) client.then((entered) => entered.release(), () => {})
  }
}

const hex = (id) => id.replaceAll('-', '')
const globalId = (type, id, organizationId = '') =>
  Buffer.concat([Buffer.from(`${type}:`), Buffer.from(hex(organizationId) + hex(id), 'hex')]).toString('base64url')
const cursor = ({ name, key }) => Buffer.from(JSON.stringify(['name:ASC', name, key])).toString('base64url')

const resolvers = {
  Query: {
    viewer: () => ({}),
    async organization (_, { slug }, { tenants }) {
      const place = tenants.caller.organizations.get(slug)
      if (!place) return null
      const [row] = await tenants.query(place.id, ORGANIZATION, [slug])
      return row && { ...row, id: globalId('Organization', row.key), viewerRole: place.role }
    }
  },
  Viewer: {
    async user (_, __, { tenants }) {
      const [row] = await tenants.query('', USER, [tenants.caller.userId])
      return row && { ...row, id: globalId('User', row.key) }
    }
  },
  Organization: {
    async resources (organization, { first }, { tenants }) {
      if (first < 1 || first > 1000) throw new mercurius.ErrorWithProps('`first` must be from 1 to 1000.')
      const nodes = await tenants.query(organization.key, RESOURCES, [organization.key, first + 1])
      const hasNextPage = nodes.length > first
      if (hasNextPage) nodes.pop()
      for (const node of nodes) {
        node.id = globalId('Resource', node.key, organization.key)
        node.organization = organization
      }
      return { nodes, pageInfo: { hasNextPage, endCursor: nodes.length ? cursor(nodes.at(-1)) : null } }
    }
  }
}

/** Runs `read` once for each organization (and `first`) among the queries of a loader. */
async function together (queries, read) {
  const groups = Map.groupBy(queries, ({ obj, params }) => `${obj.organization.key} ${params.first}`)
  const found = new Map()
  await Promise.all([...groups.values()].map(async (group) => {
    const { obj: { organization }, params } = group[0]
    const rows = await read(organization, group.map(({ obj }) => obj.key), params)
    for (const { obj } of group) found.set(obj, rows(obj.key))
  }))
  return queries.map(({ obj }) => found.get(obj))
}

const money = (amount, { currency }) => (amount == null ? null : { amount, currency })

// By field of Resource: what answers many `{ obj, params }` at once.
const batches = {
  recommendations: (queries, { tenants }) =>
    together(queries, async (organization, keys, { first }) => {
      const rows = await tenants.query(organization.key, RECOMMENDATIONS, [organization.key, keys, first])
      for (const row of rows) {
        row.id = globalId('Recommendation', row.key, organization.key)
        row.saving = { converted: money(row.amount, organization) }
      }
      const byResource = Map.groupBy(rows, ({ resourceId }) => resourceId)
      return (key) => byResource.get(key) ?? []
    }),
  monthToDateCost: (queries, { tenants }) =>
    together(queries, async (organization, keys) => {
      const rows = await tenants.query(organization.key, COSTS, [organization.key, keys, organization.currency])
      const amounts = new Map(rows.map(({ key, amount }) => [key, amount]))
      return (key) => ({ cost: money(amounts.get(key), organization) })
    })
}

/** The batches as Mercurius' own loaders, without their cache: each key is asked once. */
const asLoaders = () =>
  Object.fromEntries(Object.entries(batches).map(([name, loader]) => [name, { loader, opts: { cache: false } }]))

/** The batches as resolvers that ask a DataLoader of the request. */
const asDataLoaders = () =>
  Object.fromEntries(Object.entries(batches).map(([name, batch]) => [name, (obj, params, context) => {
    const found = (context.dataLoaders[name] ??= new DataLoader((queries) => batch(queries, context), { cache: false }))
    return found.load({ obj, params })
  }]))

const app = Fastify({ logger: false })
app.addHook('onResponse', async ({ tenants }) => tenants?.leave())
await app.register(mercurius, {
  schema: readFileSync(new URL('schema.graphql', import.meta.url), 'utf8'),
  resolvers: given.dataloader ? { ...resolvers, Resource: asDataLoaders() } : resolvers,
  loaders: given.dataloader ? {} : { Resource: asLoaders() },
  jit: 1,
  graphiql: false,
  async context (request) {
    request.tenants = new Tenants(await callerOf(request.headers.authorization))
    return { tenants: request.tenants, dataLoaders: {} }
  }
})
await app.listen({ port: given.port, host: '127.0.0.1' })
console.log('ready')
