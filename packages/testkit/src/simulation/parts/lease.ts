import type { TargetLease } from '@appaloft/core/spec'
import type { SimulatedProcess } from '../process.js'
import { compare, type Mark } from './marks.js'
import { unavailable } from './unavailable.js'

/** The lease that the machine keeps, as one engine reaches it. */
export function simulatedLease(process: SimulatedProcess): TargetLease {
  const { marks } = process.simulation.machine
  const own = (id: string, token: number): Partial<Mark> => {
    const mark = marks.get(id)
    return mark?.token === token ? mark : {}
  }
  const call = <T>(method: string, about: string, effect: () => T, signal: AbortSignal | undefined) =>
    process.call({ port: 'target', method, about, effect, failure: unavailable }, signal ? { signal } : {})

  return {
    read: (id, { signal } = {}) =>
      call(
        'lease.read',
        id,
        () => {
          const mark = marks.get(id)
          return mark === undefined ? null : { ...mark }
        },
        signal,
      ),
    beat: (id, token, { signal } = {}) =>
      call(
        'lease.beat',
        `${id} under ${token}`,
        () => {
          compare(marks, id, token)
          const mark = own(id, token)
          mark.beats = (mark.beats ?? 0) + 1
          return { wanted: mark.wanted ?? null }
        },
        signal,
      ),
    ask: (id, token, by, { signal } = {}) =>
      call(
        'lease.ask',
        `${id} of ${token} for ${by}`,
        () => {
          own(id, token).wanted ??= by
        },
        signal,
      ),
    release: (id, token, { signal } = {}) =>
      call(
        'lease.release',
        `${id} under ${token}`,
        () => {
          own(id, token).held = false
        },
        signal,
      ),
  }
}
