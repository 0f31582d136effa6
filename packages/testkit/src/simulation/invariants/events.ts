import type { DeploymentEvent } from '@appaloft/core/spec'
import type { Entry } from '../ledger.js'
import type { Simulation } from '../simulation.js'

const nameOf = ({ type, phase, step }: DeploymentEvent) =>
  type.startsWith('phase-') ? `phase ${phase}` : type.startsWith('step-') ? `step ${step}` : null

/** What a commit appended: numbered without holes, in pairs, and nothing after the end. */
export function checkEvents(simulation: Simulation, entry: Entry, events: readonly DeploymentEvent[]): void {
  const { id } = entry.record
  for (const event of events) {
    const last = entry.events.at(-1)
    if (event.sequence !== entry.events.length + 1)
      simulation.violate(
        'sequence-without-holes',
        `${id} got event ${event.sequence} after ${last?.sequence ?? 0} of ${entry.events.length}.`,
      )
    if (last?.type === 'deployment-finished')
      simulation.violate('final-is-final', `${id} got ${event.type} after deployment-finished.`)
    entry.events.push(event)
    const name = nameOf(event)
    if (name !== null) {
      const started = event.type.endsWith('-started')
      if (started === entry.open.has(name))
        simulation.violate(
          'paired-events',
          `${id} got ${event.type} of ${name}, which ${started ? 'had begun' : 'had not begun'}.`,
        )
      if (started) entry.open.add(name)
      else entry.open.delete(name)
    }
    if (event.type === 'deployment-finished' && entry.open.size > 0)
      simulation.violate('paired-events', `${id} finished while ${[...entry.open].join(', ')} had no end.`)
  }
}
