import { mkdir, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAppaloft } from '@appaloft/core'
import type { Target } from '@appaloft/core/spec'
import { node } from '@appaloft/planner-node'
import { caddy } from '@appaloft/proxy-caddy'
import { sqlite } from '@appaloft/store-sqlite'
import { ssh } from '@appaloft/target-ssh'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { caddyProgram, noCaddy, startCaddy } from '../../../proxy-caddy/test/caddy.js'
import { cli, nodeImage, removeScope, testScope } from '../../../target-docker/test/engine.js'
import { engineSocket, haveEngine } from '../../../target-ssh/test/machine.js'
import { haveSshd, type Sshd, startSshd, withoutSshd } from '../../../target-ssh/test/sshd.js'
import { wireTo } from '../../../target-ssh/test/wire.js'
import { applicable } from '../conformance/suite.js'
import { type ProxyFactory, proxyAbilities, proxyConformance } from '../index.js'

// A Caddy and a Docker Engine of another machine, as far as the engine can tell: everything goes through a real sshd.

const soak = process.env.APPALOFT_SOAK === '1'
const hostname = 'shop.example.test'
/** So many commands on the machine does a release take that replaces another, observing requests in flight once included. */
const mostCommands = 16
let sshd: Sshd

describe.skipIf(!haveSshd || caddyProgram === null)(`Caddy behind SSH ${withoutSshd}, ${noCaddy}`, () => {
  beforeAll(async () => {
    sshd = await startSshd()
  })
  afterAll(() => sshd.close())

  const factory: ProxyFactory = {
    async create() {
      const program = await startCaddy()
      const machine = sshd.host()
      const root = join(program.folder, 'markers')
      const proxy = caddy({ admin: program.admin, http: program.http, https: program.https, root, machine })
      await proxy.open?.({ stateDir: '/nowhere/of/this/machine' })
      return {
        proxy,
        restart: async () => {
          await program.kill()
          await program.start()
        },
        close: async () => {
          await machine.close()
          await program.close()
        },
      }
    },
  }
  // What differs from a Caddy of this machine: how markers are read and written, and the way to it. All with APPALOFT_SOAK=1.
  const { run } = applicable(proxyConformance, proxyAbilities(caddy(), ['restart']))
  const sample =
    /^proxy\.(fence\.(one-winner|refuses-effects)|apply\.replaces|remove|staged\.token|in-flight\.requests)$/
  const chosen = run.filter(({ id }) =>
    (soak ? /^proxy\.(fence|apply|observe|staged|remove|restart|promote|in-flight)/ : sample).test(id),
  )
  for (const one of chosen) it(`${one.id}: ${one.title}`, () => one.run(factory), 120_000)

  it('a full disk there is told as such, and leaves nothing half-written', async () => {
    const program = await startCaddy()
    onTestFinished(program.close)
    const machine = sshd.host()
    onTestFinished(() => machine.close())
    const root = join(sshd.full, 'markers')
    const proxy = caddy({ admin: program.admin, http: program.http, https: program.https, root, machine })
    await proxy.open?.({ stateDir: '/nowhere/of/this/machine' })
    const env = { PATH: '/usr/bin:/bin' }
    await machine.exec(['sh', '-c', 'cat /dev/zero >"$1"', 'sh', join(sshd.full, 'zeros')], { env })
    const raised = proxy.fence('res_web', 1, { expected: 0, owner: 'dep_a' })
    await expect(raised).rejects.toMatchObject({ code: 'disk-full', recoveryHint: expect.stringContaining('root') })
    await machine.exec(['rm', join(sshd.full, 'zeros')], { env })
    await proxy.fence('res_web', 1, { expected: 0, owner: 'dep_a' })
    expect(await proxy.mark('res_web')).toBe(1)
    const { stdout } = await machine.exec(['find', root, '-name', 'new-*'], { env })
    expect(stdout).toBe('')
    await machine.exec(['rm', '-rf', root], { env })
  })

  it.skipIf(!haveEngine)(
    'a release replaces another and is rolled back to, each over one connection, and users notice nothing',
    async () => {
      const program = await startCaddy()
      onTestFinished(program.close)
      const wire = await wireTo(sshd.port)
      onTestFinished(() => wire.close())
      const scope = testScope()
      onTestFinished(() => removeScope(scope))
      const socket = await engineSocket()
      const app = join(program.folder, 'app')
      await mkdir(app)
      const manifest = { name: 'shop', private: true, type: 'module', scripts: { start: 'node server.js' } }
      await writeFile(join(app, 'package.json'), JSON.stringify(manifest))
      const { admin, http, https, folder } = program
      const targets: Target[] = []
      let commands = 0
      const sessions = () => sshd.log().split('Starting session').length - 1
      const opened = () => {
        const target = ssh({
          host: { ...sshd.options(), port: wire.port },
          proxy: (machine) => {
            const counted = {
              ...machine,
              exec: (...call: Parameters<typeof machine.exec>) => {
                commands += 1
                return machine.exec(...call)
              },
            }
            return caddy({ admin, http, https, tls: 'off', machine: counted, root: join(folder, 'markers') })
          },
          socket,
          scope,
          cli,
          baseImage: () => nodeImage,
        })
        targets.push(target)
        const store = sqlite({ path: join(folder, 'appaloft.db') })
        return createAppaloft({ stateDir: join(folder, 'state'), store, planners: [node()], targets: [target] })
      }
      const resource = {
        id: 'res_shop',
        source: { kind: 'local-folder' as const, path: app },
        access: { hostnames: [hostname] },
        network: { drainSeconds: 1 },
      }
      const asked: string[] = []
      let asking = false
      const users = async () => {
        for (; asking; await sleep(10)) asked.push(await ask(http).catch((error: unknown) => String(error)))
      }
      const deploy = async (word: string) => {
        const server = `import { createServer } from 'node:http'\ncreateServer((_, answer) => answer.end('${word}')).listen(process.env.PORT ?? 3000)\n`
        await writeFile(join(app, 'server.js'), server)
        const appaloft = opened()
        const done = await (await appaloft.deployments.create({ resource })).done
        await appaloft.close()
        expect(done.failure ?? null).toBeNull()
        expect(done.status).toBe('succeeded')
        expect(await ask(http)).toBe(word)
      }
      await deploy('first')
      asking = true
      const busy = users()
      const before = { commands, sessions: sessions() }
      await deploy('second')
      // Each is a way there and back that something waits for: more of them, and machines that are far away become slow again.
      expect(commands - before.commands).toBeLessThanOrEqual(mostCommands)
      // The guard's, one for each command, and two that wait for the next.
      expect(sessions() - before.sessions).toBeLessThanOrEqual(mostCommands + 3)
      const appaloft = opened()
      const back = await (await appaloft.deployments.rollback('res_shop')).done
      expect(back.status).toBe('succeeded')
      expect(await ask(http)).toBe('first')
      asking = false
      await busy
      // There and here are one machine: what is asked must come through the connection all the same.
      const target = targets.at(-1)!
      const found = await target.list('res_shop')
      const reached = await Promise.all(found.map((one) => target.reach(one, 3000)))
      expect(reached.flatMap(({ probe }) => probe.map(({ kind }) => kind))).toContain('unix')
      expect(reached.flatMap(({ probe }) => probe.map(({ kind }) => kind))).not.toContain('tcp')
      expect(await target.proxy?.endpoint('res_shop')).toMatchObject({ address: { kind: 'unix' } })
      expect(new Set(asked)).toEqual(new Set(['first', 'second']))
      await appaloft.resources.remove('res_shop')
      await appaloft.close()
      expect(wire.made()).toBe(3)
    },
    180_000,
  )
})

const ask = async (listen: string): Promise<string> => {
  const [host, port] = listen.split(':')
  return await new Promise((resolve, reject) => {
    const options = { host, port: Number(port), headers: { host: hostname }, agent: false as const }
    request(options, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      answer.on('end', () => resolve(text))
      answer.on('error', reject)
    })
      .on('error', reject)
      .end()
  })
}
