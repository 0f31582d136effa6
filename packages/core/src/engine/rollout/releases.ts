import { AppaloftError } from '../../spec/errors.js'
import type { ReleaseRecord } from '../../spec/release.js'
import type { ResourceRecord } from '../../spec/resource.js'
import type { RolloutRequest } from '../../spec/rollout.js'
import type { Target } from '../../spec/target.js'
import { toAppaloftError } from '../errors.js'
import { releaseToRestore } from '../restoring.js'
import type { Runtime } from '../runtime.js'
import { attemptsOf } from './records.js'

/** The release that each target goes back to, before anything begins: all of them have one, or the rollout is refused. */
export async function releasesOf(
  runtime: Runtime,
  resource: ResourceRecord,
  targets: readonly Target[],
  rollback: RolloutRequest['rollback'],
): Promise<ReadonlyMap<string, ReleaseRecord> | null> {
  if (rollback === undefined) return null
  const { to } = rollback
  if (to !== undefined && !to.startsWith('rol_') && targets.length > 1) {
    const issues = [`rollback.to: ${to} is a release of one target; name a rollout (rol_…), or one target`]
    throw new AppaloftError('invalid-input', {
      message: `The request is not valid: ${issues.join('; ')}.`,
      details: { issues },
    })
  }
  const made = to?.startsWith('rol_') ? (await attemptsOf(runtime.store, to, resource.id)).made : null
  const found = new Map<string, ReleaseRecord>()
  for (const target of targets) {
    const release = made === null ? to : (made.find((one) => one.target === target.key)?.releaseId ?? to)
    try {
      found.set(target.key, await releaseToRestore(runtime, resource, target, release))
    } catch (error) {
      const { code, message, details } = toAppaloftError(error)
      throw new AppaloftError(code, {
        message: `${target.key}: ${message}`,
        details: { ...details, target: target.key },
        recoveryHint: 'Leave that target out, or roll back to what it keeps.',
      })
    }
  }
  return found
}
