import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { localHost } from '@appaloft/core/host'
import type { Host } from '@appaloft/core/spec'
import { expect, it, onTestFinished } from 'vitest'
import { caddyProgram, noCaddy, startCaddy } from '../test/caddy.js'
import { dep, startRelease } from '../test/releases.js'
import { route, table, web } from '../test/switching.js'
import { caddy } from './index.js'

it.skipIf(caddyProgram === null)(
  `each operation on a known resource is one command on the machine (${noCaddy})`,
  async () => {
    const program = await startCaddy()
    onTestFinished(program.close)
    const local = localHost()
    let commands = 0
    let asked = 0
    const machine: Host = {
      ...local,
      exec: (argv, options) => {
        commands++
        return local.exec(argv, options)
      },
      // Each question to the admin API is a connection.
      forward: async (remote) => {
        const to = remote.kind === 'unix' ? { path: remote.path } : remote
        const relay = createServer((near) => {
          asked++
          const far = connect(to)
          near.pipe(far).pipe(near)
          for (const one of [near, far]) one.on('error', () => far.destroy())
        }).listen(0, '127.0.0.1')
        await once(relay, 'listening')
        onTestFinished(() => void relay.close())
        const { port } = relay.address() as AddressInfo
        return { address: { kind: 'tcp', host: '127.0.0.1', port }, close: async () => undefined }
      },
    }
    const options = { admin: program.admin, http: program.http, tls: 'off', root: join(program.folder, 'm') } as const
    const [one, two, three] = [await startRelease(1), await startRelease(2), await startRelease(3)]
    onTestFinished(async () => void (await Promise.all([one, two, three].map((each) => each.stop()))))
    const first = caddy(options)
    await first.fence(web, 1, { expected: 0, owner: dep(1) })
    await first.apply(web, table(one), 1)
    const proxy = caddy({ ...options, machine })
    const costs = async (work: () => Promise<unknown>) => {
      const before = { commands, asked }
      await work()
      return { commands: commands - before.commands, asked: asked - before.asked }
    }
    const verify = { token: 'a'.repeat(32), deploymentId: dep(2) }
    expect(await costs(() => proxy.observe(web))).toEqual({ commands: 1, asked: 2 })
    expect(await costs(() => proxy.fence(web, 2, { expected: 1, owner: dep(2) }))).toEqual({ commands: 1, asked: 1 })
    expect(await costs(() => proxy.apply(web, table(one, { staged: two.set, verify }), 2))).toEqual({
      commands: 1,
      asked: 1,
    })
    expect(await costs(() => proxy.endpoint(web))).toEqual({ commands: 0, asked: 0 })
    expect(await costs(() => proxy.apply(web, table(two, { verify }), 2))).toEqual({ commands: 1, asked: 1 })
    expect(await costs(() => proxy.apply(web, table(two), 2))).toEqual({ commands: 1, asked: 1 })
    expect(await costs(() => proxy.endpoint(web))).toEqual({ commands: 0, asked: 0 })
    // Who asks again was not served there.
    expect(await costs(() => proxy.endpoint(web))).toEqual({ commands: 0, asked: 1 })
    expect((await first.observe(web)).table).toEqual(table(two))
    // What another process did is looked at by the command that would have changed it.
    await first.apply(web, table(three), 2)
    expect(await costs(() => proxy.apply(web, table(one), 2))).toEqual({ commands: 2, asked: 2 })
    expect((await first.observe(web)).table).toEqual(table(one))
    // Routes that are new are looked for, put, and configured.
    const [other, routes] = ['res_other', [route('other.example.test')]]
    expect(await costs(() => proxy.fence(other, 1, { expected: 0, owner: dep(3) }))).toEqual({ commands: 1, asked: 0 })
    expect(await costs(() => proxy.apply(other, table(three, { routes }), 1))).toEqual({ commands: 2, asked: 2 })
    expect((await first.observe(other)).table).toEqual(table(three, { routes }))
    await proxy.remove(other, 1)
    await expect(proxy.endpoint(other)).rejects.toMatchObject({ code: 'resource-not-found' })
  },
)
