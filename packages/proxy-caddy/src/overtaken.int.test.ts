import { join } from 'node:path'
import { localHost } from '@appaloft/core/host'
import type { Host } from '@appaloft/core/spec'
import { describe, expect, it, onTestFinished } from 'vitest'
import { caddyProgram, noCaddy, startCaddy } from '../test/caddy.js'
import { dep, startRelease } from '../test/releases.js'
import { hostname, route, table, web } from '../test/switching.js'
import type { Json } from './entries.js'
import { localFiles } from './files.js'
import { caddy } from './index.js'
import { stateIn } from './states.js'

describe.skipIf(caddyProgram === null)(`markers of a machine, changed meanwhile (${noCaddy})`, () => {
  /** A proxy on a machine and another one there, whose work is done just before a command of the first that `meets` its input. */
  async function begin() {
    const program = await startCaddy()
    onTestFinished(program.close)
    const local = localHost()
    let meets: ((input: string) => boolean) | null = null
    let work: () => Promise<unknown> = async () => undefined
    const told: string[] = []
    let noWay = false
    const machine: Host = {
      ...local,
      exec: async (argv, options) => {
        told.push('exec')
        if (meets?.(String(options?.input ?? '')) === true) {
          meets = null
          await work()
        }
        return await local.exec(argv, options)
      },
      forward: async (remote) => {
        if (!('kind' in remote) || noWay) throw new Error('there is no way')
        told.push(remote.kind === 'unix' ? remote.path : `${remote.host}:${remote.port}`)
        return { address: remote, close: async () => undefined }
      },
    }
    const options = { admin: program.admin, http: program.http, tls: 'off', root: join(program.folder, 'm') } as const
    const [proxy, other] = [caddy({ ...options, machine }), caddy(options)]
    const releases = [await startRelease(1), await startRelease(2), await startRelease(3)] as const
    onTestFinished(async () => void (await Promise.all(releases.map((one) => one.stop()))))
    await other.fence(web, 1, { expected: 0, owner: dep(1) })
    await other.apply(web, table(releases[0]), 1)
    await proxy.observe(web)
    const before = (begins: string, what: () => Promise<unknown>) => {
      meets = (input) => input.startsWith(begins)
      work = what
    }
    const blocked = (yes: boolean) => {
      noWay = yes
    }
    return { program, proxy, other, releases, before, done: () => meets === null, told, blocked, machine }
  }

  it('are fenced as they are then: routes and release that a former holder changed stay', async () => {
    const { proxy, other, releases, before, done } = await begin()
    const routes = [route(hostname), route('shop.example.test')]
    before('claim\n', async () => {
      await other.observe(web)
      await other.apply(web, table(releases[1], { routes }), 1)
    })
    await proxy.fence(web, 2, { expected: 1, owner: dep(2) })
    expect(done()).toBe(true)
    const { table: served, token } = await other.observe(web)
    expect(token).toBe(2)
    expect(served?.live?.deploymentId).toBe(dep(2))
    expect(served?.routes).toEqual(routes)
    await expect(other.apply(web, table(releases[0]), 1)).rejects.toMatchObject({ code: 'fenced' })
  })

  it('are fenced as they are then: a release that a former holder promoted stays', async () => {
    const { proxy, other, releases, before, done } = await begin()
    before('claim\n', () => other.apply(web, table(releases[1]), 1))
    await proxy.fence(web, 2, { expected: 1, owner: dep(2) })
    expect(done()).toBe(true)
    expect((await other.observe(web)).table?.live?.deploymentId).toBe(dep(2))
  })

  it('are changed as they are then: what another one put there meanwhile ranks below, and is known as replaced', async () => {
    const { program, proxy, other, releases, before, done } = await begin()
    before('expect\n', async () => {
      await other.apply(web, table(releases[1]), 1)
      await other.apply(web, table(releases[1], { identity: 'verified' }), 1)
    })
    await proxy.apply(web, table(releases[2]), 1)
    expect(done()).toBe(true)
    expect((await other.observe(web)).table).toEqual(table(releases[2]))
    const { generations } = await localFiles.look(join(program.folder, 'm', web))
    expect(stateIn(generations[0]!)?.former.map(({ deploymentId }) => deploymentId)).toEqual([dep(2), dep(1)])
  })

  it('are changed as they are then: where another one changed the routes meanwhile, both are as the table says', async () => {
    const { proxy, other, releases, before, done } = await begin()
    before('expect\n', () =>
      other.apply(web, table(releases[1], { routes: [route(hostname), route('shop.example.test')] }), 1),
    )
    await proxy.apply(web, table(releases[2]), 1)
    expect(done()).toBe(true)
    for (const one of [proxy, other]) expect((await one.observe(web)).table).toEqual(table(releases[2]))
  })

  it('are changed as they are then: a newer holder is not overtaken', async () => {
    const { proxy, other, releases, before, done } = await begin()
    before('expect\n', () => other.fence(web, 2, { expected: 1, owner: dep(2) }))
    await expect(proxy.apply(web, table(releases[2]), 1)).rejects.toMatchObject({ code: 'fenced' })
    expect(done()).toBe(true)
    expect((await other.observe(web)).table?.live?.deploymentId).toBe(dep(1))
  })

  it('are as before where somebody else took the hostname since it was looked at', async () => {
    const { program, proxy, other, releases } = await begin()
    const { config, etag } = await program.api.configuration()
    const theirs = { match: [{ host: [hostname] }], handle: [{ handler: 'static_response', body: 'theirs' }] }
    const { servers } = (config as { apps: { http: { servers: Record<string, { routes: Json[] }> } } }).apps.http
    for (const { routes } of Object.values(servers)) routes.push(theirs)
    expect(await program.api.replace(config, etag)).toBe(true)
    await expect(proxy.apply(web, table(releases[1]), 1)).rejects.toMatchObject({ code: 'route-conflict' })
    expect((await other.observe(web)).table).toEqual(table(releases[0]))
  })

  it('are looked at while the way to Caddy is made, and the way to what is served is there before it is asked for', async () => {
    const { program, proxy, releases, told } = await begin()
    const admin = program.admin.replace('unix/', '')
    expect(told.slice(0, 2)).toEqual([admin, 'exec'])
    expect(told).not.toContain(program.http)
    await proxy.fence(web, 2, { expected: 1, owner: dep(2) })
    expect(told).toContain(program.http)
    await proxy.apply(web, table(releases[1]), 2)
    await proxy.endpoint(web)
    expect(told.filter((one) => one !== 'exec')).toEqual([admin, program.http])
  })

  it('are looked at where there is no way to Caddy, and it is told by who needs it', async () => {
    const { program, other, blocked, machine } = await begin()
    const root = join(program.folder, 'm')
    const again = caddy({ admin: program.admin, http: program.http, tls: 'off', root, machine })
    blocked(true)
    expect(await again.observe('res_other')).toEqual({ table: null, token: 0, inFlight: [] })
    await expect(again.observe(web)).rejects.toThrow('there is no way')
    blocked(false)
    expect((await again.observe(web)).table).toEqual((await other.observe(web)).table)
  })
})
