import { codes } from '../spec/codes.js'
import type { Failure } from '../spec/deployment.js'
import type { AppaloftError } from '../spec/errors.js'
import type { Json } from '../spec/json.js'
import type { Phase, Step } from '../spec/phases.js'
import type { Reason } from '../spec/reasons.js'
import type { Attempt } from './attempt.js'
import { cleaned } from './redaction.js'

/** How to go on, by the phase that failed. */
export const phaseHints: Record<Phase, string> = {
  detect: 'Fix the source or its configuration, then deploy again.',
  plan: 'Fix the profile field that is named, then deploy again.',
  execute: 'Inspect the server, credentials, build and runtime logs before changing domains.',
  verify: 'Inspect health, network, proxy and access route; the process may be running.',
  rollback: 'Manual intervention is needed: save the diagnostics first.',
}

/** Where it is no field of a profile that is to be fixed. */
const unnamedHint = 'Change what the message names, then deploy again.'

/** Which step failed, with which input, and how to recover. */
export function failureOf(attempt: Attempt, error: AppaloftError, phase: Phase, blocked?: Reason): Failure {
  const { journal } = attempt.present
  const step: Step | undefined = journal === null || journal.state === 'done' ? undefined : journal.step
  const details = error.details as { exitCode?: unknown; lastLogs?: unknown; profileField?: unknown }
  const field = blocked?.affectedProfileField ?? fieldOf(error, details.profileField)
  const lastLogs = Array.isArray(details.lastLogs)
    ? details.lastLogs.filter((one): one is string => typeof one === 'string')
    : phase === 'execute'
      ? attempt.lastLogs
      : []
  return cleaned(attempt.redact, {
    code: error.code,
    category: error.category,
    phase,
    ...(step === undefined ? {} : { step }),
    message: error.message,
    inputs: field === undefined ? [] : [inputOf(attempt, field)],
    ...(typeof details.exitCode === 'number' ? { exitCode: details.exitCode } : {}),
    lastLogs: [...lastLogs].slice(-50),
    ...(blocked === undefined ? {} : { reason: blocked }),
    recoveryHint: hintOf(error, phase, blocked, field),
    at: attempt.runtime.now(),
  })
}

/** Null in the details: here it is no field that decided, whatever it is elsewhere. */
const fieldOf = ({ code }: AppaloftError, told: unknown): string | undefined =>
  typeof told === 'string' ? told : told === null ? undefined : codes[code].field

/** Who canceled knows why, and where another engine was in the way, the source and the machine are not to blame: nothing is to be inspected. */
function hintOf(
  { category, recoveryHint }: AppaloftError,
  phase: Phase,
  blocked: Reason | undefined,
  field: string | undefined,
): string {
  if (category === 'canceled' || category === 'concurrency') return recoveryHint
  const first = blocked?.fixPath[0]?.action ?? recoveryHint
  const setting = field === undefined || first.includes(field) ? '' : ` The setting is ${field}.`
  const general = phase === 'plan' && field === undefined ? unnamedHint : phaseHints[phase]
  return `${first}${setting} ${general}`
}

/** The value that decided, and where it came from. */
function inputOf(attempt: Attempt, profileField: string): Failure['inputs'][number] {
  const { definition, plan } = attempt.record
  const explicit = dig(definition, profileField)
  if (explicit !== undefined) return { profileField, value: explicit, from: 'profile' }
  const planned: Record<string, unknown> = {
    'runtime.installCommand': plan?.commands.install?.command,
    'runtime.buildCommand': plan?.commands.build?.command,
    'runtime.startCommand': plan?.commands.start?.command,
    'runtime.publishDirectory': plan?.artifact.kind === 'static-site' ? plan.artifact.publishDirectory : undefined,
    'network.internalPort': plan?.network.internalPort,
  }
  if (planned[profileField] !== undefined)
    return { profileField, value: planned[profileField] as Json, from: 'planner' }
  const fallback: Record<string, unknown> = {
    health: plan?.health,
    'health.expectedStatus': plan?.health.expectedStatus ?? 'below 500',
    access: plan?.access,
    'access.hostnames': plan?.access.hostnames,
    network: plan?.network,
  }
  const value = fallback[profileField] ?? dig({ ...plan, runtime: { timeouts: plan?.timeouts } }, profileField) ?? null
  return { profileField, value: JSON.parse(JSON.stringify(value)) as Json, from: 'default' }
}

function dig(value: unknown, path: string): Json | undefined {
  let at = value
  for (const name of path.split('.'))
    at =
      at !== null && typeof at === 'object' && Object.hasOwn(at, name)
        ? (at as Record<string, unknown>)[name]
        : undefined
  return at === undefined ? undefined : (JSON.parse(JSON.stringify(at)) as Json)
}
