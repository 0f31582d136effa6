import { type Adopt, judgeAdoption, promotedOrders, type ResourceRecord } from '@appaloft/core/spec'
import { insertDeployment } from './deployments.js'
import { getRelease, putReleases, removeRelease } from './releases.js'
import { putResource } from './resources.js'
import { putSealed } from './secrets.js'
import type { Sql } from './sql.js'

/** What other stores did. What it throws must end the caller's transaction. */
export function adopt(sql: Sql, input: Adopt): ResourceRecord {
  const { resource, expected, deployments, releases, promotions, gone = [], sealed } = input
  const stored = putResource(sql, resource, expected)
  judgeAdoption(input)
  for (const { record, events } of deployments) {
    if (sql.get('SELECT 1 FROM deployments WHERE id = ?', record.id) !== undefined) continue
    insertDeployment(sql, record, events)
  }
  for (const secret of sealed) putSealed(sql, secret)
  for (const id of gone) removeRelease(sql, id)
  putReleases(
    sql,
    releases.filter(({ id }) => getRelease(sql, id) === null),
  )
  const known = promotions.flatMap((id) => getRelease(sql, id) ?? [])
  const last = Number(sql.get(`SELECT value FROM counters WHERE name = 'order'`)?.[0])
  const orders = promotedOrders(known.length, last)
  putReleases(
    sql,
    known.map((release, at) => ({ ...release, promotedOrder: orders[at]! })),
  )
  return stored
}
