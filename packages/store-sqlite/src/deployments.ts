import {
  attemptLeaseKey,
  type Commit,
  type CreateDeployment,
  type DeploymentEvent,
  type DeploymentQuery,
  type DeploymentRecord,
  judgeCommit,
  type Lease,
  type NewEvent,
  nextToken,
  numberEvents,
  patchRecord,
  type Status,
  storeErrors,
  withLive,
} from '@appaloft/core/spec'
import { appendEvents, lastSequence } from './events.js'
import { giveBack, grant, isHeld, leaseOf } from './leases.js'
import { putReleases } from './releases.js'
import { resourceToChange, storeResource } from './resources.js'
import { readDeployment, text, unparsed } from './rows.js'
import type { Sql, Value } from './sql.js'

export function getDeployment(sql: Sql, id: string): DeploymentRecord | null {
  const row = sql.get('SELECT record FROM deployments WHERE id = ?', id)
  return row === undefined ? null : readDeployment(row, id)
}

export function listDeployments(sql: Sql, query: DeploymentQuery): DeploymentRecord[] {
  const { resourceId, target, statuses, before, limit = 50 } = query
  const where: string[] = []
  const values: Value[] = []
  const only = (condition: string, ...given: Value[]) => {
    where.push(condition)
    values.push(...given)
  }
  if (resourceId !== undefined) only('resource_id = ?', resourceId)
  if (target !== undefined) only('target = ?', target)
  if (statuses !== undefined) only(`status IN (${statuses.map(() => '?').join(', ')})`, ...statuses)
  if (before !== undefined) only('number < ?', before)
  const condition = where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`
  return sql
    .all(
      `SELECT record, id FROM deployments ${condition} ORDER BY number DESC LIMIT ?`,
      ...values,
      Math.max(0, Math.min(limit, 1000)),
    )
    .map((row) => readDeployment(row, row[1]))
}

export function createDeployment(
  sql: Sql,
  { record, holder, idempotencyKey, events }: CreateDeployment,
): { created: boolean; deployment: DeploymentRecord; lease: Lease | null } {
  if (idempotencyKey !== undefined) {
    const former = sql.get(
      'SELECT record, id FROM deployments WHERE resource_id = ? AND idempotency_key = ?',
      record.resourceId,
      idempotencyKey,
    )
    if (former !== undefined) return { created: false, deployment: readDeployment(former, former[1]), lease: null }
  }
  if (sql.get('SELECT 1 FROM deployments WHERE id = ?', record.id) !== undefined) {
    throw storeErrors.deploymentExists(record.id)
  }
  const stored = insertDeployment(sql, record, events, idempotencyKey)
  const key = attemptLeaseKey(record.id)
  const lease = grant(sql, { key, holder, token: nextToken(leaseOf(sql, key)?.token) })
  return { created: true, deployment: JSON.parse(stored) as DeploymentRecord, lease }
}

/** With the next order, and its first events. @returns its text */
export function insertDeployment(
  sql: Sql,
  record: Omit<DeploymentRecord, 'order' | 'version'>,
  events: readonly NewEvent[],
  idempotencyKey?: string,
): string {
  const order = Number(sql.get(`UPDATE counters SET value = value + 1 WHERE name = 'order' RETURNING value`)?.[0])
  const stored = text({ ...record, order, version: 1 })
  sql.run(
    `INSERT INTO deployments (number, id, resource_id, target, status, version, idempotency_key, pruned, record)
     VALUES (?, ?, ?, ?, ?, 1, ?, 0, ?)`,
    order,
    record.id,
    record.resourceId,
    record.target,
    record.status,
    idempotencyKey ?? null,
    stored,
  )
  appendEvents(sql, order, numberEvents(record.id, 0, events))
  return stored
}

/** Everything of a commit, inside the caller's transaction. What it throws must end that. */
export function commit(
  sql: Sql,
  input: Omit<Commit, 'durable'>,
): { deployment: DeploymentRecord; events: DeploymentEvent[] } {
  const id = input.deploymentId
  const row = sql.get(`SELECT number, status, version, ${lastSequence}, record FROM deployments WHERE id = ?`, id)
  if (row === undefined) throw storeErrors.noDeployment(id)
  for (const guard of input.guards) if (!isHeld(sql, guard)) throw storeErrors.leaseLost(id, guard)
  const [number, last] = [Number(row[0]), Number(row[3])]
  judgeCommit({ id, status: row[1] as Status, version: Number(row[2]) }, input)

  let deployment = unparsed<DeploymentRecord>(row[4], `deployment ${id}`, { deploymentId: id })
  if (input.set !== undefined) {
    const stored = text(patchRecord(deployment, input.set))
    deployment = JSON.parse(stored) as DeploymentRecord
    const { status, version } = deployment
    sql.run(
      'UPDATE deployments SET status = ?, version = ?, record = ? WHERE number = ?',
      status,
      version,
      stored,
      number,
    )
  }
  const events = appendEvents(sql, number, numberEvents(id, last, input.events))
  const { resourceId } = deployment
  const resource = input.live === undefined ? undefined : resourceToChange(sql, resourceId)
  const changed = withLive(resource, deployment, input.live)
  if (changed !== undefined) storeResource(sql, changed)
  putReleases(sql, input.releases ?? [])
  for (const ref of input.releaseLeases ?? []) giveBack(sql, ref)
  return { deployment, events }
}

export function versionOf(sql: Sql, id: string): number | undefined {
  const row = sql.get('SELECT version FROM deployments WHERE id = ?', id)
  return row === undefined ? undefined : Number(row[0])
}
