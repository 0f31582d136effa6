import { attemptLeaseKey, type LeaseRef, type ResourceRecord, storeErrors } from '@appaloft/core/spec'
import { isHeld } from './leases.js'
import { readResource, text, unparsed } from './rows.js'
import type { Sql } from './sql.js'

export function getResource(sql: Sql, id: string): ResourceRecord | null {
  const row = sql.get('SELECT record FROM resources WHERE id = ?', id)
  return row === undefined ? null : readResource(row, id)
}

export const listResources = (sql: Sql): ResourceRecord[] =>
  sql.all('SELECT record, id FROM resources ORDER BY id').map((row) => readResource(row, row[1]))

export function putResource(
  sql: Sql,
  record: Omit<ResourceRecord, 'stateVersion'>,
  expected: number | null,
  guards: readonly LeaseRef[] = [],
): ResourceRecord {
  refuseLost(sql, record.id, guards)
  const row = sql.get('SELECT state_version FROM resources WHERE id = ?', record.id)
  const present = row === undefined ? null : Number(row[0])
  if (present !== expected) throw storeErrors.resourceChanged(record.id, expected, present)
  return storeResource(sql, { ...record, stateVersion: (expected ?? 0) + 1 })
}

/** Answers with it as it will be read again. */
export function storeResource(sql: Sql, record: ResourceRecord): ResourceRecord {
  const stored = text(record)
  sql.run(
    `INSERT INTO resources (id, state_version, record) VALUES (?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET state_version = excluded.state_version, record = excluded.record`,
    record.id,
    record.stateVersion,
    stored,
  )
  return JSON.parse(stored) as ResourceRecord
}

export function resourceToChange(sql: Sql, id: string): ResourceRecord | undefined {
  const row = sql.get('SELECT record FROM resources WHERE id = ?', id)
  return row === undefined ? undefined : unparsed<ResourceRecord>(row[0], `resource ${id}`, { resourceId: id })
}

function refuseLost(sql: Sql, resourceId: string, guards: readonly LeaseRef[]): void {
  for (const guard of guards) if (!isHeld(sql, guard)) throw storeErrors.resourceLeaseLost(resourceId, guard)
}

export function removeResource(
  sql: Sql,
  id: string,
  options: { deployments?: boolean; guards?: readonly LeaseRef[] },
): void {
  refuseLost(sql, id, options.guards ?? [])
  sql.run('DELETE FROM resources WHERE id = ?', id)
  sql.run('DELETE FROM releases WHERE resource_id = ?', id)
  sql.run('DELETE FROM secrets WHERE resource_id = ?', id)
  if (!options.deployments) return
  for (const [deployment] of sql.all('SELECT id FROM deployments WHERE resource_id = ?', id)) {
    sql.run('DELETE FROM leases WHERE key = ?', attemptLeaseKey(String(deployment)))
  }
  sql.run('DELETE FROM events WHERE deployment IN (SELECT number FROM deployments WHERE resource_id = ?)', id)
  sql.run('DELETE FROM deployments WHERE resource_id = ?', id)
}
