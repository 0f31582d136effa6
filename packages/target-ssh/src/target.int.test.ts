import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import {
  applicable,
  fakeProxy,
  nodeSamples,
  type TargetFactory,
  targetAbilities,
  targetConformance,
} from '@appaloft/testkit'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { haveEngine, remoteMachine } from '../test/machine.js'
import { haveSshd, type Sshd, startSshd } from '../test/sshd.js'
import { ssh } from './target.js'

const proxied = fakeProxy()
const abilities = targetAbilities(ssh({ host: { destination: 'nowhere' }, proxy: proxied }))
const { run, skipped } = applicable(targetConformance, [...abilities, 'fencing:compare', 'files', 'restarts'])

describe.skipIf(!haveEngine || !haveSshd)(
  'the target behind SSH (needs an engine and an sshd: node scripts/engines.mjs)',
  () => {
    let sshd: Sshd
    beforeAll(async () => {
      sshd = await startSshd()
    })
    afterAll(() => sshd.close())
    const factory: TargetFactory = {
      samples: nodeSamples,
      patienceMs: 30_000,
      create: () => remoteMachine(sshd, { proxy: fakeProxy() }),
    }
    // All of them with APPALOFT_SOAK=1; in npm test those whose way to the machine differs from that of the local target.
    const all = process.env.APPALOFT_SOAK === '1'
    const sample = /^target\.(build\.(once|abort)|start\.serves|expose\.direct-port|logs\.follow|exec|fence\.effects)$/
    const chosen = run.filter(({ id }) => all || sample.test(id))
    for (const one of chosen) it(one.title, () => one.run(factory), 120_000)

    it('leaves out what is about processes and ports of this machine', () => {
      const missing = skipped.flatMap((one) => one.missing)
      expect(missing.filter((one) => !['processes', 'network:shared'].includes(one))).toEqual([])
    })

    it('tells how the machine is', async () => {
      const { target, close } = await remoteMachine(sshd)
      onTestFinished(close)
      const { ok, checks } = await target.probe()
      expect(checks.map(({ id }) => id)).toEqual(
        expect.arrayContaining([
          ...['machine', 'docker-access', 'disk', 'disk-system', 'memory', 'clock', 'engine', 'buildx'],
        ]),
      )
      expect(checks.filter(({ status, id }) => status === 'failed' && id !== 'disk')).toEqual([])
      expect(ok).toBe(true)
    })

    it('tells who listens where the proxy would', async () => {
      const program = createServer().listen(0, '127.0.0.1')
      await once(program, 'listening')
      onTestFinished(() => void program.close())
      const { port } = program.address() as AddressInfo
      const { target, close } = await remoteMachine(sshd, { proxy: fakeProxy(), webPorts: [port] })
      onTestFinished(close)
      const { ok, checks } = await target.probe()
      expect(ok).toBe(false)
      expect(checks.find(({ id }) => id === `port-${port}`)).toMatchObject({
        status: 'failed',
        message: expect.stringContaining(`process ${process.pid}`),
        fix: expect.stringContaining('http and https'),
      })
    })

    it.each([
      ['no engine', { socket: '/no/such.sock' }, 'docker-access', /install docker engine/i],
      ['what is no socket', { socket: '/etc/passwd' }, 'docker-access', /socket/],
    ])('tells a machine with %s, with its fix', async (_, options, id, fix) => {
      const { target, close } = await remoteMachine(sshd, options)
      onTestFinished(close)
      const { ok, checks } = await target.probe()
      expect(ok).toBe(false)
      expect(checks.find((one) => one.id === id)).toMatchObject({ status: 'failed', fix: expect.stringMatching(fix) })
      await expect(target.list('res_x')).rejects.toMatchObject({ recoveryHint: expect.stringMatching(fix) })
    })

    it('tells a user without rights at Docker, and a machine that nobody answers for', async () => {
      const stranger = await remoteMachine(sshd, { host: { ...sshd.options('stranger') } })
      onTestFinished(stranger.close)
      const { checks } = await stranger.target.probe()
      expect(checks.at(1)).toMatchObject({
        id: 'docker-access',
        status: 'failed',
        fix: expect.stringContaining('usermod'),
      })
      const nobody = await remoteMachine(sshd, { host: { ...sshd.options(), port: 1 } })
      onTestFinished(nobody.close)
      expect(await nobody.target.probe()).toMatchObject({ ok: false, checks: [{ id: 'machine', status: 'failed' }] })
    })
  },
)
