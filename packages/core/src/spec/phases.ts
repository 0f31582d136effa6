import { z } from 'zod'

/** The phases of a deployment, in this order and no other; `rollback` only after a failure or a cancel. */
export const phaseSchema = z.enum(['detect', 'plan', 'execute', 'verify', 'rollback'])
export type Phase = z.infer<typeof phaseSchema>

export const statusSchema = z.enum([
  'queued',
  'detecting',
  'planning',
  'executing',
  'verifying',
  'rolling-back',
  'canceling',
  'succeeded',
  'failed',
  'canceled',
  'interrupted',
  'superseded',
])
export type Status = z.infer<typeof statusSchema>

export const terminalStatuses = [
  'succeeded',
  'failed',
  'canceled',
  'interrupted',
  'superseded',
] as const satisfies Status[]

/** Those of attempts that have not ended. */
export const activeStatuses: readonly Status[] = statusSchema.options.filter(
  (one) => !(terminalStatuses as readonly Status[]).includes(one),
)

export const isTerminal = (status: Status): boolean => (terminalStatuses as readonly Status[]).includes(status)

/**
 * Which status may follow which. Terminal states are final. Stores refuse every other transition, as the engine does:
 * a status may always stay what it is, so that a commit may leave it alone.
 */
export const transitions: Readonly<Record<Status, readonly Status[]>> = {
  // retry and rollback attempts go from queued to executing
  queued: ['detecting', 'executing', 'canceling', 'failed', 'canceled', 'interrupted', 'superseded'],
  detecting: ['planning', 'canceling', 'failed', 'canceled', 'interrupted', 'superseded'],
  planning: ['executing', 'canceling', 'failed', 'canceled', 'interrupted', 'superseded'],
  executing: ['verifying', 'rolling-back', 'canceling', 'failed', 'canceled', 'interrupted', 'superseded'],
  verifying: ['succeeded', 'rolling-back', 'canceling', 'failed', 'canceled', 'interrupted', 'superseded'],
  canceling: ['rolling-back', 'canceled', 'failed', 'interrupted', 'superseded'],
  'rolling-back': ['failed', 'canceled', 'interrupted', 'superseded'],
  succeeded: [],
  failed: [],
  canceled: [],
  interrupted: [],
  superseded: [],
}

export const mayFollow = (from: Status, to: Status): boolean => from === to || transitions[from].includes(to)

/** Steps of `execute`, in this order. */
export const executeSteps = ['build', 'upload', 'release-command', 'start', 'route'] as const
/** What `verify` does, in this order: four checks, with the promotion between `route` and `access`, and the drain at the end. */
export const verifySteps = ['process', 'health', 'verify-route', 'promote', 'access', 'drain'] as const
/** What `rollback` does, in this order. */
export const rollbackSteps = ['restore-traffic', 'remove-candidate', 'prove-previous'] as const

export const stepSchema = z.enum(['source', 'fence', ...executeSteps, ...verifySteps, ...rollbackSteps])
export type Step = z.infer<typeof stepSchema>

/** The kinds of failure in `execute` (and of errors in general), for alerting and routing; branch on `code` for anything finer. */
export const categorySchema = z.enum([
  'input',
  'source',
  'plan',
  'network',
  'credentials',
  'image-pull',
  'build-command',
  'release-command',
  'server-resources',
  'runtime-backend',
  'timeout',
  'canceled',
  'verification',
  'concurrency',
  'state',
  'internal',
])
export type Category = z.infer<typeof categorySchema>
