import type { Forwarded, Host } from '@appaloft/core/spec'
import { describe, expect, it } from 'vitest'
import { Reaching } from './reaching.js'
import { ssh } from './target.js'

const ref = (deploymentId: string) => ({ resourceId: 'res_a', releaseId: 'rel_a', deploymentId })
const port = (number: number) => ({ kind: 'tcp' as const, host: '127.0.0.1', port: number })
const reach = (...ports: number[]) => ({ probe: ports.map(port), upstream: ports.map(port) })

function forwarding() {
  const calls: string[] = []
  const forward: Host['forward'] = async (remote) => {
    const name = remote.kind === 'tcp' ? `${remote.port}` : remote.path
    calls.push(`open ${name}`)
    const close = async () => void calls.push(`close ${name}`)
    const soon = () => void calls.push(`soon ${name}`)
    return { address: { kind: 'unix', path: `/f/${name}` }, soon, close }
  }
  const host = { forward } as Host
  return { calls, reaching: new Reaching(host) }
}

describe('reaching ports of a machine', () => {
  it('forwards each port once, and leaves what the proxy dials alone', async () => {
    const { calls, reaching } = forwarding()
    const first = await reaching.of(ref('dep_a'), reach(1, 2))
    expect(first.probe).toEqual([
      { kind: 'unix', path: '/f/1' },
      { kind: 'unix', path: '/f/2' },
    ])
    expect(first.upstream).toEqual([port(1), port(2)])
    await reaching.of(ref('dep_a'), reach(1, 2))
    expect(calls).toEqual(['open 1', 'open 2'])
  })

  it('opens the way to each port where it is about to be used', async () => {
    const { calls, reaching } = forwarding()
    await reaching.of(ref('dep_a'), reach(1, 2))
    await reaching.of(ref('dep_a'), reach(2), { soon: true })
    expect(calls).toEqual(['open 1', 'open 2', 'soon 2'])
  })

  it('lets whoever waits for the same way go on where another gives up', async () => {
    const aborting = new AbortController()
    let open: (way: Forwarded) => void = () => undefined
    const host = {
      forward: (_, { signal } = {}) =>
        new Promise<Forwarded>((resolve, reject) => {
          open = resolve
          signal?.addEventListener('abort', () => reject(signal.reason))
        }),
    } as Host
    const reaching = new Reaching(host)
    const given = reaching.of(ref('dep_a'), reach(1), { signal: aborting.signal })
    const other = reaching.of(ref('dep_a'), reach(1))
    aborting.abort(new Error('enough'))
    await expect(given).rejects.toThrow('enough')
    open({ address: { kind: 'unix', path: '/f/1' }, close: async () => undefined })
    expect((await other).probe).toEqual([{ kind: 'unix', path: '/f/1' }])
  })

  it('ends a forward with the last release that had the port', async () => {
    const { calls, reaching } = forwarding()
    await reaching.of(ref('dep_a'), reach(1, 2))
    await reaching.of(ref('dep_b'), reach(2))
    await reaching.forget(ref('dep_a'))
    await reaching.forget(ref('dep_a'))
    expect(calls.slice(2)).toEqual(['close 1'])
    await reaching.forget(ref('dep_b'))
    await reaching.of(ref('dep_c'), reach(2))
    expect(calls.slice(3)).toEqual(['close 2', 'open 2'])
  })
})

describe('the target', () => {
  it.each([
    ['deploy@web1', 'web1'],
    ['10.0.0.7', '10.0.0.7'],
    ['me@fe80::1%eth0', '[fe80::1]'],
  ])('behind %s has users go to %s', (destination, address) => {
    expect(ssh({ host: { destination } }).address).toBe(address)
    expect(ssh({ host: { destination }, address: 'shop.example.com' }).address).toBe('shop.example.com')
  })
})
