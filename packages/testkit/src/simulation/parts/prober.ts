import { type Address, identityHeader, type Prober, verifyHeader } from '@appaloft/core/spec'
import type { SimulatedProcess } from '../process.js'
import { proxyHost } from '../routing.js'

const broken = (code: string) => Object.assign(new Error(code), { code })

/** How an engine's checks reach what is simulated. What they really see is remembered at the thing that answers. */
export function simulatedProber(process: SimulatedProcess): Prober {
  const { simulation } = process
  const { machine, routing, scheduler } = simulation
  const failure = () => broken('ECONNRESET')
  const where = (address: Address) => (address.kind === 'tcp' ? `${address.host}:${address.port}` : address.path)
  const listener = (address: Address) => (address.kind === 'tcp' ? machine.at(address.host, address.port) : undefined)

  /** An answer that takes its time, or runs out of it. */
  const later = async <T>(ms: number, timeoutMs: number, answer: T): Promise<T> => {
    if (ms <= 0) return answer
    await new Promise<void>((resolve) => scheduler.after(Math.min(ms, timeoutMs), resolve))
    if (ms > timeoutMs) throw broken('TIMEOUT')
    return answer
  }

  return {
    request: (address, { path, headers = {}, timeoutMs, signal }) => {
      const ask = () => {
        if (address.kind === 'tcp' && address.host === proxyHost) {
          // With a promotion that is under way; everything else is asked with a token.
          if (headers[verifyHeader] === undefined) simulation.cover('asked-early')
          const { status, identity, thing, set } = routing.ask(address.port, headers.host ?? '', headers[verifyHeader])
          if (thing !== undefined) {
            const { seen } = thing
            if (set === 'staged') seen.staged = scheduler.steps
            else if (status < 500) seen.served = scheduler.steps
          }
          const told = identity === undefined ? {} : { [identityHeader]: identity }
          return later(thing?.behaviour.answersAfter ?? 0, timeoutMs, { status, headers: told, body: 'ok' })
        }
        const thing = listener(address)
        if (thing === undefined) throw broken('ECONNREFUSED')
        const { status, answersAfter } = thing.behaviour
        if (status === 200) thing.seen.healthy = scheduler.steps
        return later(answersAfter, timeoutMs, { status, headers: {}, body: 'ok' })
      }
      return process.call(
        { port: 'prober', method: 'request', about: `${where(address)}${path}`, effect: ask, failure },
        signal ? { signal } : {},
      )
    },
    dial: (address, { signal }) => {
      const connect = () => {
        const thing = listener(address)
        if (thing === undefined) throw broken('ECONNREFUSED')
        thing.seen.dialled = scheduler.steps
        if (thing.plan.health.type === 'tcp') thing.seen.healthy = scheduler.steps
      }
      return process.call(
        { port: 'prober', method: 'dial', about: where(address), effect: connect, failure },
        signal ? { signal } : {},
      )
    },
    lookup: (hostname) =>
      process.call({ port: 'prober', method: 'lookup', about: hostname, effect: () => proxyHost, failure }),
  }
}
