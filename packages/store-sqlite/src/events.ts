import { type DeploymentEvent, type EventsRead, storeErrors } from '@appaloft/core/spec'
import { readEvent, text } from './rows.js'
import type { Sql } from './sql.js'

/** Of a deployment's events, those that were pruned included: 0 where there was none. */
export const lastSequence =
  'max(pruned, coalesce((SELECT sequence FROM events WHERE deployment = number ORDER BY sequence DESC LIMIT 1), 0))'

/** Answers with them as they will be read again. */
export function appendEvents(sql: Sql, deployment: number, events: readonly DeploymentEvent[]): DeploymentEvent[] {
  return events.map((event) => {
    const stored = text(event)
    sql.run('INSERT INTO events (deployment, sequence, event) VALUES (?, ?, ?)', deployment, event.sequence, stored)
    return JSON.parse(stored) as DeploymentEvent
  })
}

export function readEvents(
  sql: Sql,
  deploymentId: string,
  { after = 0, limit = 1000 }: { after?: number; limit?: number },
): EventsRead {
  const row = sql.get(`SELECT number, pruned, ${lastSequence} FROM deployments WHERE id = ?`, deploymentId)
  if (row === undefined) throw storeErrors.noDeployment(deploymentId)
  const events = sql
    .all(
      'SELECT event, sequence FROM events WHERE deployment = ? AND sequence > ? ORDER BY sequence LIMIT ?',
      Number(row[0]),
      after,
      Math.max(0, limit),
    )
    .map((found) => readEvent(found, deploymentId, found[1]))
  return { events, prunedThrough: Number(row[1]), last: Number(row[2]) }
}

export function pruneEvents(sql: Sql, deploymentId: string, through: number): number {
  const row = sql.get(`SELECT number, pruned, ${lastSequence} FROM deployments WHERE id = ?`, deploymentId)
  if (row === undefined) return 0
  const [number, pruned, last] = row.map(Number) as [number, number, number]
  const mark = Math.min(through, last)
  if (mark <= pruned) return 0
  sql.run('UPDATE deployments SET pruned = ? WHERE number = ?', mark, number)
  return sql.run('DELETE FROM events WHERE deployment = ? AND sequence <= ?', number, mark)
}
