import { keptCopy, type OpenedSource, openSource } from '../../sources/index.js'
import { AppaloftError } from '../../spec/errors.js'
import type { Plan } from '../../spec/plan.js'
import type { Attempt } from '../attempt.js'
import { limited } from './limited.js'

/** The tree that was planned: as it was read, or the copy that was kept of it. Null where there are no files. */
export async function sourceOf(attempt: Attempt, plan: Plan, opened: OpenedSource | null): Promise<string | null> {
  const { runtime, record } = attempt
  if (plan.source.kind === 'docker-image') return null
  const fetched = async (signal: AbortSignal) => {
    if (opened !== null) return opened.materialise({ signal })
    const kept = await keptCopy(runtime.stateDir, plan.source.digest)
    if (kept !== null) return kept
    const again = await openSource(record.definition.source, {
      stateDir: runtime.stateDir,
      clock: runtime.clock,
      signal,
      ...(runtime.credentials ? { credentials: runtime.credentials } : {}),
      ...(plan.source.commitSha ? { commitSha: plan.source.commitSha } : {}),
    })
    if (again.identity.digest !== plan.source.digest) throw new AppaloftError('source-changed')
    return again.materialise({ signal })
  }
  return attempt.step('execute', 'source', { digest: plan.source.digest }, () =>
    limited(attempt, plan.timeouts.sourceSeconds, 'sourceSeconds', fetched),
  )
}
