import { AppaloftError } from '../../spec/errors.js'
import type { ResourceRecord } from '../../spec/resource.js'
import type { RolloutRequest } from '../../spec/rollout.js'
import type { Target } from '../../spec/target.js'
import { detect } from '../detecting.js'
import { planDetected } from '../planning.js'
import type { Runtime } from '../runtime.js'
import { rolloutFingerprint } from './fingerprint.js'
import { sameSource } from './gates.js'

/** Each target has one, where they are given by key. `invalid-input`. */
export function refuseUnnamed({ fingerprint }: RolloutRequest, targets: readonly Target[]): void {
  if (fingerprint === undefined || typeof fingerprint === 'string') return
  const keys = targets.map((one) => one.key)
  const issues = [
    ...keys.filter((key) => fingerprint[key] === undefined).map((key) => `fingerprint: none is given for ${key}`),
    ...Object.keys(fingerprint)
      .filter((key) => !keys.includes(key))
      .map((key) => `fingerprint.${key}: no target of this rollout`),
  ]
  if (issues.length === 0) return
  throw new AppaloftError('invalid-input', {
    message: `The request is not valid: ${issues.join('; ')}.`,
    details: { issues },
    recoveryHint: 'Give the fingerprint of each target’s preview by its key, or one text for all of them.',
  })
}

/**
 * Is the plan of every target the one that was shown? `plan-stale`. Begins nothing.
 *
 * @returns by key what each attempt has to find once more
 */
export async function fingerprintsOf(
  runtime: Runtime,
  request: RolloutRequest,
  { definition }: ResourceRecord,
  targets: readonly Target[],
  given: AbortSignal | undefined,
): Promise<Readonly<Record<string, string>>> {
  const { fingerprint: wanted, gitRef, commitSha } = request
  if (wanted === undefined) return {}
  const signal = given ?? new AbortController().signal
  const source = sameSource()
  const present: Record<string, string> = {}
  for (const target of targets) {
    const input = { definition, target, signal, ...(gitRef && { gitRef }), ...(commitSha && { commitSha }) }
    const found = await source.read!(input, (one) => detect(runtime, one))
    present[target.key] = (await planDetected(runtime, input, found)).preview.fingerprint
  }
  if (typeof wanted === 'string') {
    const one = rolloutFingerprint(present)
    if (one !== wanted) throw stale(Object.keys(present), wanted, one)
    return present
  }
  for (const [key, one] of Object.entries(present))
    if (one !== wanted[key]) throw stale([key], wanted[key] ?? null, one)
  return present
}

function stale(targets: string[], expected: string | null, present: string): AppaloftError {
  return new AppaloftError('plan-stale', {
    phase: 'plan',
    message: `What would run on ${targets.join(', ')} is no longer what the preview showed. Nothing was begun.`,
    details: { targets, expected, present },
    recoveryHint: 'Ask for a new preview of these targets, and roll out with its fingerprint.',
  })
}
