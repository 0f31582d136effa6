import { type DeploymentEvent, type Progress as Part, type Phase, progressOf } from '@appaloft/core/spec'
import { checkOf } from './event-line.js'
import { clean } from './text.js'
import { stepTitles } from './words.js'

export interface PhaseProgress {
  phase: Phase
  state: 'waiting' | 'running' | 'done' | 'failed'
  /** Milliseconds since the epoch, by the events' own times. */
  startedAt?: number
  endedAt?: number
  /** What it is doing, or what it found. */
  detail: string
}

/** What a terminal shows of an attempt, made from its events alone. */
export interface Progress {
  phases: PhaseProgress[]
  /** The last lines of the running step. */
  logs: string[]
  checks: string[]
}

const keptLogs = 4

export const startProgress = (): Progress => ({
  phases: (['detect', 'plan', 'execute', 'verify'] as const).map((phase) => ({ phase, state: 'waiting', detail: '' })),
  logs: [],
  checks: [],
})

/** Takes an event in. */
export function advance(progress: Progress, event: DeploymentEvent): void {
  const entry = event.phase === undefined ? undefined : phaseOf(progress, event.phase)
  const message = event.message === undefined ? '' : clean(event.message)
  switch (event.type) {
    case 'phase-started':
      if (entry) Object.assign(entry, { state: 'running', startedAt: Date.parse(event.at), detail: '' })
      progress.logs = []
      break
    case 'phase-succeeded':
    case 'phase-failed':
      if (entry) {
        entry.state = event.type === 'phase-failed' ? 'failed' : 'done'
        entry.endedAt = Date.parse(event.at)
        entry.detail = event.phase === 'verify' && entry.state === 'done' ? progress.checks.join(', ') : message
      }
      progress.logs = []
      break
    case 'step-started':
      if (entry && event.step) entry.detail = message || stepTitles[event.step]
      progress.logs = []
      break
    case 'check-observed':
      progress.checks = [
        ...progress.checks.filter((check) => !check.startsWith(`${checkOf(event)} `)),
        checkText(event),
      ]
      break
    case 'log': {
      const part = progressOf(event.data)
      if (part !== undefined) {
        if (entry && (part.status === 'started' || part.status === 'running')) entry.detail = partText(part)
        break
      }
      progress.logs = [...progress.logs, message].slice(-keptLogs)
      break
    }
    case 'traffic-promoted':
      if (entry) entry.detail = 'traffic moved'
      break
    default:
  }
}

function phaseOf(progress: Progress, phase: Phase): PhaseProgress {
  const found = progress.phases.find((entry) => entry.phase === phase)
  if (found !== undefined) return found
  const added: PhaseProgress = { phase, state: 'waiting', detail: '' }
  progress.phases.push(added)
  return added
}

/** As `build 3/7: RUN npm ci`. */
function partText({ stage, index, total, name, percent }: Part): string {
  const place = [stage, index === undefined ? undefined : `${index}/${total}`]
    .filter((one) => one !== undefined)
    .join(' ')
  return clean(`${place === '' ? '' : `${place}: `}${name}${percent === undefined ? '' : `, ${percent} %`}`)
}

const checkText = (event: DeploymentEvent): string => `${checkOf(event)} ${String(event.data.status ?? '')}`
