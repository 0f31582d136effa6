import { isTerminal } from '../spec/phases.js'
import type { Store } from '../spec/store.js'

/** Attempts that ended before they touched their target. */
const untouched: ReadonlySet<string | null> = new Set([null, 'detect', 'plan'])

/** So many of a resource's attempts are looked through. */
export const lookedThrough = 1000

/**
 * What the store knows of a resource on a target. `holds`: it is live there, or has releases. `touched`: attempts were at work there, which
 * may have left something. Else nothing of it can be there, and the target need not be asked.
 */
export async function wasOn(store: Store, resourceId: string, target: string): Promise<'holds' | 'touched' | null> {
  if ((await store.getResource(resourceId))?.live[target] !== undefined) return 'holds'
  if ((await store.listReleases({ resourceId, target })).length > 0) return 'holds'
  const attempts = await store.listDeployments({ resourceId, target, limit: lookedThrough })
  const touched = attempts.some(({ status, currentPhase }) => !isTerminal(status) || !untouched.has(currentPhase))
  return touched ? 'touched' : null
}
