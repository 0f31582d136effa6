import type { ReleaseRecord } from '@appaloft/core/spec'
import { readRelease, text } from './rows.js'
import type { Sql, Value } from './sql.js'

/** A release that is put again keeps its place in the order of creation. */
export function putReleases(sql: Sql, releases: readonly ReleaseRecord[]): void {
  for (const release of releases) {
    const { id, resourceId, target, state } = release
    sql.run(
      `INSERT INTO releases (id, resource_id, target, state, record) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET
         resource_id = excluded.resource_id, target = excluded.target, state = excluded.state, record = excluded.record`,
      id,
      resourceId,
      target,
      state,
      text(release),
    )
  }
}

export function getRelease(sql: Sql, id: string): ReleaseRecord | null {
  const row = sql.get('SELECT record FROM releases WHERE id = ?', id)
  return row === undefined ? null : readRelease(row, id)
}

export function listReleases(
  sql: Sql,
  { resourceId, target, states }: { resourceId: string; target?: string; states?: readonly ReleaseRecord['state'][] },
): ReleaseRecord[] {
  const where = ['resource_id = ?']
  const values: Value[] = [resourceId]
  if (target !== undefined) {
    where.push('target = ?')
    values.push(target)
  }
  if (states !== undefined) {
    where.push(`state IN (${states.map(() => '?').join(', ')})`)
    values.push(...states)
  }
  return sql
    .all(`SELECT record, id FROM releases WHERE ${where.join(' AND ')} ORDER BY number DESC`, ...values)
    .map((row) => readRelease(row, row[1]))
}

export const removeRelease = (sql: Sql, id: string): number => sql.run('DELETE FROM releases WHERE id = ?', id)
