import type { Host, Proxy, Target, TargetRecords } from '@appaloft/core/spec'
import { lasting } from './lifeline.js'

/** The same proxy, whose methods outlast a connection: all are idempotent. */
export function lastingProxy(host: Host, proxy: Proxy): Proxy {
  const { cut } = proxy
  return {
    ...proxy,
    mark: (resourceId, call) => lasting(host, call?.signal, () => proxy.mark(resourceId, call)),
    fence: (resourceId, token, call) => lasting(host, call.signal, () => proxy.fence(resourceId, token, call)),
    apply: (resourceId, table, token, call) =>
      lasting(host, call?.signal, () => proxy.apply(resourceId, table, token, call)),
    observe: (resourceId, call) => lasting(host, call?.signal, () => proxy.observe(resourceId, call)),
    endpoint: (resourceId, call) => lasting(host, call?.signal, () => proxy.endpoint(resourceId, call)),
    remove: (resourceId, token, call) => lasting(host, call?.signal, () => proxy.remove(resourceId, token, call)),
    ...(cut === undefined
      ? {}
      : {
          cut: (resourceId, deploymentId, token, call) =>
            lasting(host, call?.signal, () => cut.call(proxy, resourceId, deploymentId, token, call)),
        }),
  }
}

function lastingRecords(host: Host, records: TargetRecords): TargetRecords {
  return {
    list: (resourceId, call) => lasting(host, call?.signal, () => records.list(resourceId, call)),
    put: (resourceId, name, text, token, call) =>
      lasting(host, call?.signal, () => records.put(resourceId, name, text, token, call)),
    remove: (resourceId, name, token, call) =>
      lasting(host, call?.signal, () => records.remove(resourceId, name, token, call)),
  }
}

/**
 * The same target, whose methods outlast a connection: all are idempotent but `exec`, whose command may have run. The release command is
 * looked for first, and followed where it runs or has run; its output begins anew then, and what was told of it is told once.
 */
export function lastingTarget(host: Host, target: Target): Target {
  const { lease, promoted, restore, records } = target
  return {
    ...target,
    ...(records === undefined ? {} : { records: lastingRecords(host, records) }),
    mark: (resourceId, call) => lasting(host, call?.signal, () => target.mark(resourceId, call)),
    fence: (resourceId, token, call) => lasting(host, call.signal, () => target.fence(resourceId, token, call)),
    ...(lease === undefined
      ? {}
      : {
          // A beat that is lost is followed by the next.
          lease: {
            ...lease,
            read: (resourceId, call) => lasting(host, call?.signal, () => lease.read(resourceId, call)),
            ask: (resourceId, token, by, call) =>
              lasting(host, call?.signal, () => lease.ask(resourceId, token, by, call)),
            release: (resourceId, token, call) =>
              lasting(host, call?.signal, () => lease.release(resourceId, token, call)),
          },
        }),
    probe: (call) => lasting(host, call?.signal, () => target.probe(call)),
    build: (input) => lasting(host, input.signal, () => target.build(input)),
    upload: (input) => lasting(host, input.signal, () => target.upload(input)),
    run: (input, command) => {
      let told = 0
      return lasting(host, input.signal, () => {
        let at = 0
        const log: typeof input.log = (line) => {
          at += 1
          if (at <= told) return
          told = at
          input.log(line)
        }
        return target.run({ ...input, log }, command)
      })
    },
    start: (input) => lasting(host, input.signal, () => target.start(input)),
    inspect: (ref, call) => lasting(host, call?.signal, () => target.inspect(ref, call)),
    stop: (ref, token, call) => lasting(host, call?.signal, () => target.stop(ref, token, call)),
    restart: (ref, token, call) => lasting(host, call?.signal, () => target.restart(ref, token, call)),
    remove: (ref, token, call) => lasting(host, call?.signal, () => target.remove(ref, token, call)),
    discard: (release, token, call) => lasting(host, call.signal, () => target.discard(release, token, call)),
    list: (resourceId, call) => lasting(host, call?.signal, () => target.list(resourceId, call)),
    reach: (ref, port, call) => lasting(host, call?.signal, () => target.reach(ref, port, call)),
    ...(promoted === undefined
      ? {}
      : {
          promoted: (input, previous, call) =>
            lasting(host, input.signal, () => promoted.call(target, input, previous, call)),
        }),
    ...(restore === undefined
      ? {}
      : {
          restore: (candidate, former, token, call) =>
            lasting(host, call?.signal, () => restore.call(target, candidate, former, token, call)),
        }),
  }
}
