import { type DeploymentEvent, type Envelope, progressOf } from '@appaloft/core/spec'
import type { Style } from './style.js'
import { clean, pad } from './text.js'
import { stepTitles } from './words.js'

const text = (value: unknown): string => (typeof value === 'string' ? clean(value) : '')

/** An event in one line, or null where it says nothing to a person. */
export function eventLine(event: DeploymentEvent, style: Style): string | null {
  const phase = pad(event.phase ?? '', 8)
  const message = event.message === undefined ? '' : clean(event.message)
  const line = (words: string) => `${style.bold(phase)}  ${words}`
  switch (event.type) {
    case 'deployment-accepted':
      return line(message || 'accepted')
    // The end of the attempt, not of the phase that it names.
    case 'deployment-finished':
      return `${' '.repeat(8)}  ${text(event.data.status) || message}`
    case 'phase-started':
      return line('started')
    case 'phase-succeeded':
      return line(style.green('done'))
    case 'phase-failed':
      return line(style.red(`failed${message === '' ? '' : `: ${message}`}`))
    case 'step-started':
      return event.step === undefined ? null : line(`${event.step}: ${message || stepTitles[event.step]}`)
    case 'step-succeeded':
      return event.step === undefined ? null : line(`${event.step}: ${message === '' ? 'done' : message}`)
    case 'step-failed':
      return line(style.red(`${event.step ?? 'step'}: failed${message === '' ? '' : `: ${message}`}`))
    case 'check-observed': {
      const told = [`${checkOf(event)}: ${text(event.data.status)}`, message].filter((part) => part !== '')
      return line(`check ${[...new Set(told)].join(', ')}`)
    }
    case 'warning':
      return line(style.yellow(`warning ${warningCode(event)}${message}`))
    case 'lease-lost':
      return line(style.yellow(message || 'another engine took over'))
    case 'traffic-promoted':
    case 'traffic-restored':
    case 'release-drained':
      return line(message || event.type.replaceAll('-', ' '))
    // For programs and tickets.
    case 'evidence-captured':
      return message === '' ? null : line(message)
    case 'log':
      // The live picture shows it; here each would be a line more.
      if (progressOf(event.data)?.status === 'running') return null
      return style.dim(`${' '.repeat(8)}  │ ${message}`)
  }
}

export const checkOf = (event: DeploymentEvent): string =>
  text(event.data.check) || text(event.data.name) || (event.step ?? '')

export const warningCode = (event: DeploymentEvent): string => {
  const code = text(event.data.code)
  return code === '' ? '' : `${code}: `
}

/** An envelope that is no event, in one line; null for a heartbeat. */
export function envelopeLine(envelope: Exclude<Envelope, { kind: 'event' }>, style: Style): string | null {
  switch (envelope.kind) {
    case 'heartbeat':
      return null
    case 'gap':
      return style.yellow(`events ${envelope.from} to ${envelope.to} are missing (${envelope.reason})`)
    case 'closed':
      return style.dim(`end of events (${envelope.reason}), cursor ${envelope.cursor}`)
    case 'error':
      return style.red(`${envelope.error.code}: ${clean(envelope.error.message)}`)
  }
}
