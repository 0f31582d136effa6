import { AppaloftError, type CallOptions, recordNamePattern, type TargetRecords } from '@appaloft/core/spec'
import type { FakeWorld } from './world.js'

/** The records of a world: their methods are `list-records`, `put-record` and `remove-record` to whoever intercepts. */
export function fakeRecords(world: FakeWorld): TargetRecords {
  const told = (method: string, rest: { resourceId?: string | undefined; token?: number } & CallOptions) => ({
    part: 'target' as const,
    method,
    ...(rest.resourceId === undefined ? {} : { resourceId: rest.resourceId }),
    ...(rest.token === undefined ? {} : { token: rest.token }),
    ...(rest.signal === undefined ? {} : { signal: rest.signal }),
  })
  return {
    list: (resourceId, call = {}) =>
      world.call(told('list-records', { resourceId, ...call }), () =>
        [...world.records]
          .filter(([id]) => resourceId === undefined || id === resourceId)
          .flatMap(([id, texts]) => [...texts].map(([name, text]) => ({ resourceId: id, name, text })))
          .sort((a, b) => (`${a.resourceId} ${a.name}` < `${b.resourceId} ${b.name}` ? -1 : 1)),
      ),

    put: (resourceId, name, text, token, call = {}) =>
      world.call(told('put-record', { resourceId, token, ...call }), () => {
        if (!recordNamePattern.test(name)) throw new AppaloftError('invalid-input')
        world.targetMarks.check(resourceId, token)
        world.records.set(resourceId, (world.records.get(resourceId) ?? new Map()).set(name, text))
      }),

    remove: (resourceId, name, token, call = {}) =>
      world.call(told('remove-record', { resourceId, token, ...call }), () => {
        world.targetMarks.check(resourceId, token)
        world.records.get(resourceId)?.delete(name)
      }),
  }
}
