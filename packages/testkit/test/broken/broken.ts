import type { ErrorCode } from '@appaloft/core/spec'
import type { Application, Scene, Told } from './scene.js'

/**
 * What tells that it is broken, at the earliest:
 *   `exit`      its process, or the release command's, ended
 *   `answer`    what it printed with its last answer, as `at MILLISECONDS`
 *   `silence`   the same, for a question that it never answers: the policy's timeout after it
 *   `patience`  the policy's start period, and its further tries
 *   `build`     BuildKit's command said so
 *   `registry`  the registry's last answer
 *   `call`      the step, or the whole attempt, began: everything is there
 */
export type Cause = 'exit' | 'answer' | 'silence' | 'patience' | 'build' | 'registry' | 'call'

export interface Broken {
  name: string
  application(scene: Scene): Application | Promise<Application>
  code: ErrorCode
  /** The setting to change; null: it is none of the profile's. */
  field: string | null
  /** What the hint says of it. Default: it names the field. */
  hint?: RegExp
  message?: RegExp
  log?: string
  cause: Cause
  /** Of a cause `patience`: how often it is asked after the start period. Default once. */
  tries?: number
  /** Also in the short run. */
  sample?: true
  /** Needs a registry that takes what is pushed. */
  pushes?: true
}

const isReport = ({ type, data }: Told['events'][number]['event'], code: string): boolean =>
  ['step-failed', 'phase-failed', 'deployment-finished'].includes(type) ||
  (type === 'check-observed' && data.status === 'failed' && data.code === code)

/** Milliseconds from the moment at which it could be known to the event that reports it. */
export async function delay(
  { cause, code, tries = 1 }: Broken,
  scene: Scene,
  { deployment, events }: Told,
): Promise<number> {
  const report = events.find(({ event }) => isReport(event, code))
  if (report === undefined) throw new Error('No event reports the failure.')
  const before = events.slice(0, events.indexOf(report))
  const startOf = (step: string) => before.findLast(({ event }) => event.type === 'step-started' && event.step === step)
  const text = JSON.stringify([...events.map(({ event }) => event.data.evidence), deployment.failure?.lastLogs])
  const said = [...text.matchAll(/\bat (\d{13})\b/g)].at(-1)?.[1]
  const moments: Record<Cause, () => number | Promise<number>> = {
    exit: () => (scene.ends.get(deployment.id) ?? []).filter((one) => one <= report.at).at(-1) ?? Number.NaN,
    answer: () => Number(said),
    silence: () => Number(said) + quick.timeoutSeconds * 1000,
    patience: () =>
      (startOf('health')?.at ?? Number.NaN) + (quick.startPeriodSeconds + (tries - 1) * quick.intervalSeconds) * 1000,
    build: () => scene.builtAt(),
    registry: () => scene.answeredAt,
    call: () => (before.findLast(({ event }) => event.type === 'step-started') ?? events[0]!).at,
  }
  return report.at - (await moments[cause]())
}

export const quick = { intervalSeconds: 0.2, retries: 2, startPeriodSeconds: 1.5, timeoutSeconds: 1 }
