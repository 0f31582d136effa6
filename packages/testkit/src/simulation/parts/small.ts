import { type Clock, type Ids, type Liveness, type Planner, reason, type Secrets } from '@appaloft/core/spec'
import { behaviourOf } from '../behaviour.js'
import type { SimulatedProcess } from '../process.js'

const epoch = Date.UTC(2024, 0, 1)

/** Virtual time. Each engine has a wall clock of its own, and a monotonic one that began at another moment. */
export function simulatedClock(process: SimulatedProcess): Clock {
  const { scheduler } = process.simulation
  const wall = epoch + process.slot * 3_600_000 - process.incarnation * 77_000
  const zero = 1000 * (1 + process.pid)
  return {
    now: () => Math.floor(wall + scheduler.now),
    monotonic: () => zero + scheduler.now,
    sleep: (ms, { signal } = {}) => process.sleep(ms, signal),
  }
}

/** Ids out of one counter for all engines of a run. */
export const simulatedIds = (next: () => number): Ids => ({
  next: (prefix) => `${prefix}_${String(next()).padStart(26, '0')}`,
})

/** By pid, where deaths can be proven; else nothing is known of other engines. */
export function simulatedLiveness(process: SimulatedProcess): Liveness {
  const { simulation, pid } = process
  const known = simulation.setup.deaths === 'proven'
  const self = { bootId: known ? 'boot' : `boot-${pid}`, pidNamespace: 'ns', pid, startTime: String(pid) }
  return {
    self,
    judge: (holder) => {
      if (holder.bootId !== self.bootId) return 'unknown'
      const other = simulation.processes.find((one) => one.pid === holder.pid)
      return other?.alive ? 'alive' : 'dead'
    },
  }
}

/** Not secret at all: a digest that is the same for the same value, and text that can be opened again. */
export function simulatedSecrets(process: SimulatedProcess): Secrets {
  const call = <T>(method: string, effect: () => T) =>
    process.call({ port: 'secrets', method, effect, failure: () => new Error('secrets') })
  return {
    seal: (_context, clear) => call('seal', () => `sealed:${clear}`),
    open: (_context, sealed) => call('open', () => sealed.slice('sealed:'.length)),
    digest: (resourceId, name, value) => call('digest', () => digest(`${resourceId}/${name}/${value}`)),
  }
}

function digest(text: string): string {
  let hash = 2_166_136_261
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 16_777_619)
  return (hash >>> 0).toString(16).padStart(8, '0').repeat(8)
}

/** Plans what the name of the image says. */
export const simulatedPlanner = (): Planner => ({
  specVersion: 1,
  key: 'sim',
  detect: async ({ source }) =>
    source.kind !== 'docker-image'
      ? null
      : {
          basis: 'explicit',
          supportTier: 'container-native',
          reason: 'An image.',
          evidence: [],
          artifactKind: 'image',
        },
  plan: async ({ source, profiles }) => {
    const image = source.kind === 'docker-image' ? source.image : ''
    const { plan } = behaviourOf(image)
    if (plan === 'throws') throw new Error('The planner throws.')
    if (plan === 'blocked') return { blocked: [reason('missing-start-intent')] }
    const served = profiles.network.exposure !== 'none'
    return {
      artifact: { kind: 'image', image },
      commands: {},
      network: { ...(served ? { internalPort: 3000 } : {}), from: served ? 'planner' : 'none', honoursPort: true },
      evidence: [],
      warnings: [],
    }
  },
})
