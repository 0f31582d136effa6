import type { Appaloft, Target } from '@appaloft/core/spec'
import { fixOf } from '../output/hint.js'
import type { TargetPart } from '../targets/part.js'
import { type Finding, failed, messageOf, passed } from './check.js'

/** Each target's own view of itself, its keeper included, then of the proxy that no target speaks for. */
export async function checkTargets(targets: readonly Target[], parts: readonly TargetPart[] = []): Promise<Finding[]> {
  const reports = await Promise.all(
    targets.map(async (target) => {
      const found = await checkTarget(target)
      const unreachable = found.some(({ id, status }) => status === 'failed' && ways.some((way) => id.endsWith(way)))
      const part = parts.find((one) => one.target === target)
      // It would say the same once more, in the proxy's words.
      if (unreachable && part?.apart !== true) return found
      return [...found, ...((await part?.checkProxy()) ?? [])]
    }),
  )
  return reports.flat()
}

const ways = ['.machine', '.docker-access', '.engine']

async function checkTarget(target: Target): Promise<Finding[]> {
  const named = (id: string) => `${target.key}.${id}`
  try {
    const report = await target.probe({ signal: AbortSignal.timeout(30_000) })
    return report.checks.map((check) => ({ ...check, id: named(check.id) }))
  } catch (error) {
    return [failed(named('probe'), messageOf(error), 'Check that the machine and its engine run.')]
  }
}

/** Does everything that runs agree with the records, now that it was put right? */
export async function checkRecords(engine: Appaloft): Promise<Finding[]> {
  try {
    const { problems } = await engine.reconcile()
    if (problems.length === 0) return [passed('records', 'what runs agrees with the records')]
    return problems.map(({ resourceId, code, message }) =>
      failed(
        `records.${resourceId ?? 'target'}`,
        `${code}: ${message}`,
        `${fixOf(code) ?? 'Mend the cause.'} Then run appaloft reconcile.`,
      ),
    )
  } catch (error) {
    return [failed('records', messageOf(error), 'Mend the cause, then run appaloft reconcile.')]
  }
}
