import { recordNamePattern, type TargetRecords } from '@appaloft/core/spec'
import { effectHappens } from '../invariants/effects.js'
import type { SimulatedProcess } from '../process.js'
import { compare } from './marks.js'
import { unavailable } from './unavailable.js'

/** The texts that lie on the machine, as one engine reaches them. */
export function simulatedRecords(process: SimulatedProcess): TargetRecords {
  const { simulation } = process
  const { machine } = simulation
  const effect = (method: string, id: string, name: string, token: number, act: () => void, signal?: AbortSignal) => {
    if (!recordNamePattern.test(name)) throw new Error(`The engine calls a record ${name}.`)
    const guarded = () => {
      compare(machine.marks, id, token)
      effectHappens(simulation, 'target', id, token, `${method} of ${name}`)
      act()
    }
    const about = `${name} under ${token}`
    return process.call(
      { port: 'target', method, about, effect: guarded, failure: unavailable },
      signal ? { signal } : {},
    )
  }

  return {
    list: (id, options) =>
      process.call(
        {
          port: 'target',
          method: 'records.list',
          about: id ?? '',
          failure: unavailable,
          effect: () =>
            [...machine.records]
              .filter(([resourceId]) => id === undefined || resourceId === id)
              .flatMap(([resourceId, texts]) => [...texts].map(([name, text]) => ({ resourceId, name, text }))),
        },
        options,
      ),
    put: (id, name, text, token, { signal } = {}) =>
      effect(
        'records.put',
        id,
        name,
        token,
        () => machine.records.set(id, new Map(machine.records.get(id)).set(name, text)),
        signal,
      ),
    remove: (id, name, token, { signal } = {}) =>
      effect('records.remove', id, name, token, () => machine.records.get(id)?.delete(name), signal),
  }
}
