import type { Deployment, Deployments, ListQuery } from '@appaloft/core/spec'
import { sees, type Visible } from '../authorize.js'
import { listQuerySchema, noQuerySchema } from '../schemas.js'
import { deploymentOf, json, learnPaths, type Route, route } from './route.js'

/** How many attempts one request may look through for those of a scope. */
const batch = 100
const batches = 10

type Page = { items: Deployment[]; cursor: string | null }

/** A page of what the caller sees. It may be shorter than `limit` and still have a cursor. */
async function pageOf(deployments: Deployments, query: ListQuery & { limit: number }, visible: Visible): Promise<Page> {
  if (visible === null) return deployments.list(query)
  const ids = query.resourceId === undefined ? [...visible] : [query.resourceId].filter((one) => visible.has(one))
  if (ids.length === 0) return { items: [], cursor: null }
  if (ids.length === 1) return deployments.list({ ...query, resourceId: ids[0]! })
  const items: Deployment[] = []
  let { cursor } = query
  for (let i = 0; i < batches; i++) {
    const missing = query.limit - items.length
    let part = await deployments.list({ ...query, ...(cursor === undefined ? {} : { cursor }), limit: batch })
    const seen = part.items.flatMap((one, at) => (sees(visible, one.resourceId) ? [at] : []))
    // A cursor points to the end of what was asked for: ask for no more than is answered.
    const last = seen[missing - 1]
    if (last !== undefined && last < part.items.length - 1)
      part = await deployments.list({ ...query, ...(cursor === undefined ? {} : { cursor }), limit: last + 1 })
    items.push(...part.items.filter((one) => sees(visible, one.resourceId)))
    if (part.cursor === null || items.length >= query.limit) return { items, cursor: part.cursor }
    cursor = part.cursor
  }
  return { items, cursor: cursor ?? null }
}

export const listRoute = (maxPageItems: number): Route =>
  route({
    method: 'get',
    path: '/api/deployments',
    action: 'deployments.list',
    summary: 'Attempts, newest first',
    description: 'A page may be shorter than `limit`, and even empty: the last one is the one whose `cursor` is null.',
    query: listQuerySchema(maxPageItems),
    lists: ['status'],
    answers: [{ status: 200, description: 'A page.', content: { 'application/json': 'Page' } }],
    resourceOf: (_body, query) => query.resourceId,
    missing: 'endpoint-not-found',
    async handle(call) {
      const { status, limit = Math.min(50, maxPageItems), ...rest } = call.query
      const query = { ...rest, limit, ...(status === undefined ? {} : { statuses: status }) }
      const page = await pageOf(call.appaloft.deployments, query, call.visible)
      await Promise.all([...new Set(page.items.map((one) => one.resourceId))].map((one) => learnPaths(call, one)))
      return json(call, 200, page)
    },
  })

export const showRoute = (): Route =>
  route({
    method: 'get',
    path: '/api/deployments/{id}',
    action: 'deployments.show',
    summary: 'One attempt',
    id: 'deployment',
    query: noQuerySchema,
    answers: [{ status: 200, description: 'The attempt.', content: { 'application/json': 'Deployment' } }],
    missing: 'deployment-not-found',
    handle: async (call) => json(call, 200, await deploymentOf(call)),
  })

export const recoveryRoute = (): Route =>
  route({
    method: 'get',
    path: '/api/deployments/{id}/recovery',
    action: 'deployments.recovery',
    summary: 'Which verbs are allowed, and why not',
    id: 'deployment',
    query: noQuerySchema,
    answers: [{ status: 200, description: 'What can be done now.', content: { 'application/json': 'Recovery' } }],
    missing: 'deployment-not-found',
    async handle(call) {
      await deploymentOf(call)
      return json(call, 200, await call.appaloft.deployments.recovery(call.id))
    },
  })

export const diagnosticsRoute = (): Route =>
  route({
    method: 'get',
    path: '/api/deployments/{id}/diagnostics',
    action: 'deployments.diagnostics',
    summary: 'One document without secrets, for a ticket',
    id: 'deployment',
    query: noQuerySchema,
    answers: [{ status: 200, description: 'The document.', content: { 'application/json': 'Diagnostics' } }],
    missing: 'deployment-not-found',
    async handle(call) {
      await deploymentOf(call)
      return json(call, 200, await call.appaloft.deployments.diagnostics(call.id, { signal: call.request.signal }))
    },
  })
