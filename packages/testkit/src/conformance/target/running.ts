import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { type AddressInfo, createServer } from 'node:net'
import type { Plan } from '@appaloft/core/spec'
import type { ConformanceCase } from '../suite.js'
import { ask, processLives, refused, type Stage, staged, type TargetFactory } from './stage.js'

const network = (stage: Stage, overrides: Partial<Plan['network']>): Partial<Plan> => ({
  network: { ...stage.plan(stage.samples.worker()).network, ...overrides },
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

export const runningCases: readonly ConformanceCase<TargetFactory>[] = [
  {
    id: 'target.start.serves',
    title: 'a started release runs, is listed, and answers where reach says',
    requires: ['workspace', 'exposure:proxy'],
    run: staged(async (stage) => {
      const input = await stage.deploy(stage.samples.server('hello'))
      assert.equal((await stage.answers(input)).body, 'hello')
      const state = await stage.target.inspect(input)
      assert.equal(state.state, 'running')
      assert.equal(state.instances.length, 1)
      assert.equal(state.instances[0]?.restarts, 0)
      assert.deepEqual(await stage.target.list(input.resourceId), [{ ...stage.ref(1), state: 'running' }])
      assert.deepEqual(await stage.target.list('res_other'), [])
    }),
  },
  {
    id: 'target.start.port',
    title: 'inspect tells the port that is expected and those that are listened on',
    requires: ['workspace', 'exposure:proxy', 'network:shared'],
    run: staged(async (stage) => {
      const input = await stage.deploy(stage.samples.server('hello'))
      await stage.answers(input)
      const [instance] = (await stage.target.inspect(input)).instances
      assert.ok(instance?.expectedPort !== undefined)
      assert.deepEqual(instance.listening, [instance.expectedPort])
      if (!stage.target.capabilities.artifactKinds.includes('workspace')) return
      const wrong = await freePort()
      const other = await stage.deploy(stage.samples.fixed(wrong), { number: 2 })
      const found = await stage.until('its own port', async () => {
        const [one] = (await stage.target.inspect(other)).instances
        return one?.listening?.length ? one : null
      })
      assert.ok(found.expectedPort !== undefined)
    }),
  },
  {
    id: 'target.start.idempotent',
    title: 'to start what was started changes nothing',
    requires: ['workspace', 'exposure:proxy'],
    run: staged(async (stage) => {
      const input = await stage.deploy(stage.samples.server('hello'))
      const { address } = await stage.answers(input)
      const before = await stage.target.inspect(input)
      await stage.target.start(input)
      await (await stage.machine.again()).start(input)
      assert.deepEqual((await stage.answers(input)).address, address)
      assert.equal((await stage.target.inspect(input)).instances[0]?.pid, before.instances[0]?.pid)
      assert.equal((await stage.target.list(input.resourceId)).length, 1)
    }),
  },
  {
    id: 'target.start.beside',
    title: 'two attempts run beside each other, each at an address of its own',
    requires: ['workspace', 'exposure:proxy', 'overlap'],
    run: staged(async (stage) => {
      const old = await stage.deploy(stage.samples.server('old'))
      const young = await stage.deploy(stage.samples.server('young'), { number: 2 })
      const [first, second] = [await stage.answers(old), await stage.answers(young)]
      assert.deepEqual([first.body, second.body], ['old', 'young'])
      assert.notDeepEqual(first.address, second.address)
      await stage.target.remove(young, 1)
      assert.equal((await stage.answers(old)).body, 'old')
      assert.deepEqual(await stage.target.list(old.resourceId), [{ ...stage.ref(1), state: 'running' }])
    }),
  },
  {
    id: 'target.start.same-release',
    title: 'a second attempt runs the same release, as a rollback does',
    requires: ['workspace', 'exposure:proxy', 'overlap'],
    run: staged(async (stage) => {
      const input = await stage.deploy(stage.samples.server('hello'))
      const again = { ...input, deploymentId: stage.ref(2).deploymentId }
      await stage.target.start(again)
      await stage.target.remove(input, 1)
      assert.equal((await stage.answers(again)).body, 'hello')
      assert.equal((await stage.target.inspect(input)).state, 'absent')
    }),
  },
  {
    id: 'target.start.environment',
    title: 'a release sees what it was given and PORT, and nothing of the engine’s',
    requires: ['workspace', 'exposure:proxy'],
    run: staged(async (stage) => {
      process.env.APPALOFT_TEST_CANARY = 'leaked'
      const wanted = ['GIVEN', 'APPALOFT_DEPLOYMENT_ID', 'APPALOFT_RELEASE_ID', 'APPALOFT_RESOURCE_ID', 'PORT']
      const input = await stage.deploy(stage.samples.printing([...wanted, 'APPALOFT_TEST_CANARY']), {
        input: { environment: { GIVEN: 'two words' } },
      })
      const lines = await stage.printed(input, 'APPALOFT_TEST_CANARY=')
      const value = (name: string) => lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1)
      assert.equal(value('GIVEN'), 'two words')
      assert.equal(value('APPALOFT_DEPLOYMENT_ID'), input.deploymentId)
      assert.equal(value('APPALOFT_RELEASE_ID'), input.releaseId)
      assert.match(value('PORT') ?? '', /^\d+$/)
      assert.equal(value('APPALOFT_TEST_CANARY'), '')
      const allowed =
        /^(PATH|HOME|LANG|TZ|TMPDIR|HOSTNAME|(NODE|YARN)_VERSION|PORT|GIVEN|APPALOFT_(DEPLOYMENT|RELEASE|RESOURCE)_ID)$/
      const strange = (value('names') ?? '').split(',').filter((name) => !allowed.test(name))
      assert.deepEqual(strange, [])
    }),
  },
  {
    id: 'target.start.failed',
    title: 'a command that cannot be run fails with start-failed, and nothing of it stays',
    requires: ['workspace', 'processes'],
    run: staged(async (stage) => {
      const app = { ...stage.samples.server('hello'), start: [stage.samples.missing] }
      const error = await refused(() => stage.deploy(app), 'start-failed')
      assert.match(error.message, new RegExp(stage.samples.missing))
      assert.deepEqual(await stage.target.list('res_web'), [])
    }),
  },
  {
    id: 'target.inspect.exited',
    title: 'an end by itself is seen at once, with its exit code and its last lines',
    requires: ['workspace', 'exposure:proxy'],
    run: staged(async (stage) => {
      const input = await stage.deploy(stage.samples.exiting(7, 'giving-up'))
      const state = await stage.inState(input, 'exited')
      assert.equal(state.instances[0]?.exitCode, 7)
      assert.deepEqual(await stage.lines(input), ['giving-up'])
      assert.equal((await stage.target.list(input.resourceId))[0]?.state, 'exited')
    }),
  },
  {
    id: 'target.crash.candidate',
    title: 'a candidate that ended is not started again',
    requires: ['workspace', 'exposure:proxy', 'restarts'],
    run: staged(async (stage) => {
      const input = await stage.deploy(stage.samples.exiting(1, 'giving-up'))
      await stage.inState(input, 'exited')
      await new Promise((resolve) => setTimeout(resolve, 600))
      const state = await stage.target.inspect(input)
      assert.deepEqual([state.state, state.instances[0]?.restarts], ['exited', 0])
    }),
  },
  {
    id: 'target.crash.promoted',
    title: 'a promoted release that is killed comes back at its address, and that is counted',
    requires: ['workspace', 'exposure:proxy', 'restarts', 'processes'],
    run: staged(async (stage) => {
      const input = await stage.deploy(stage.samples.server('hello'))
      const before = await stage.answers(input)
      await stage.target.promoted?.(input, null)
      const pid = (await stage.target.inspect(input)).instances[0]?.pid ?? 0
      assert.ok(pid > 0)
      process.kill(pid, 'SIGKILL')
      const back = await stage.until('another process', async () => {
        const [one] = (await stage.target.inspect(input)).instances
        return one?.state === 'running' && one.pid !== pid ? one : null
      })
      assert.equal(back.restarts, 1)
      assert.deepEqual(await stage.answers(input), before)
    }),
  },
  {
    id: 'target.expose.none',
    title: 'with exposure none there is no PORT',
    requires: ['workspace', 'exposure:none'],
    run: staged(async (stage) => {
      const plan = network(stage, { exposure: 'none', internalPort: undefined })
      const input = await stage.deploy(stage.samples.worker(), { plan })
      const lines = await stage.printed(input, 'working')
      assert.equal((await stage.target.inspect(input)).state, 'running')
      const names =
        lines
          .find((line) => line.startsWith('names='))
          ?.slice(6)
          .split(',') ?? []
      assert.ok(names.length > 0 && !names.includes('PORT'))
    }),
  },
  {
    id: 'target.expose.direct-port',
    title: 'with a direct port the release listens on the port of the host',
    requires: ['workspace', 'exposure:direct-port'],
    run: staged(async (stage) => {
      const hostPort = await freePort()
      const plan = network(stage, { exposure: 'direct-port', hostPort })
      const input = await stage.deploy(stage.samples.server('hello'), { plan })
      assert.equal((await stage.answers(input)).body, 'hello')
      assert.equal(await ask({ kind: 'tcp', host: '127.0.0.1', port: hostPort }), 'hello')
    }),
  },
  {
    id: 'target.replicas',
    title: 'each instance answers at an address of its own',
    requires: ['workspace', 'exposure:proxy', 'replicas'],
    run: staged(async (stage) => {
      const input = await stage.deploy(stage.samples.server('hello'), { plan: { replicas: 3 } })
      assert.equal((await stage.target.inspect(input)).instances.length, 3)
      const { probe } = await stage.target.reach(input, 80)
      assert.equal(new Set(probe.map((one) => JSON.stringify(one))).size, 3)
      for (const address of probe) {
        assert.equal(await stage.until('an answer', () => ask(address).catch(() => null)), 'hello')
      }
    }),
  },
  {
    id: 'target.site',
    title: 'a static site is served',
    requires: ['static-site', 'exposure:proxy', 'files'],
    run: staged(async (stage) => {
      const app = stage.samples.site({ 'public/index.html': '<p>home', 'public/a/b.txt': 'inner', secret: 'no' })
      const input = await stage.deploy(app)
      const { address, body } = await stage.answers(input)
      assert.equal(body, '<p>home')
      assert.equal(await ask(address, '/a/b.txt'), 'inner')
      assert.equal(await ask(address, '/../secret').then((text) => text.includes('no')), false)
      await stage.target.stop(input, 1)
      await assert.rejects(() => ask(address))
    }),
  },
  {
    id: 'target.site.missing',
    title: 'a publish directory that is missing or empty after the build is an error of its own',
    requires: ['static-site', 'files'],
    run: staged(async (stage) => {
      const app = stage.samples.site({ 'index.html': 'not there' })
      await refused(() => stage.build(app), 'publish-directory-missing')
    }),
  },
  {
    id: 'target.foreign',
    title: 'processes that the target did not start are left alone',
    requires: ['workspace', 'exposure:proxy', 'processes'],
    run: staged(async (stage) => {
      const input = await stage.deploy(stage.samples.server('hello'))
      await stage.answers(input)
      const foreign = spawn('node', ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore', env: { ...process.env } })
      try {
        await stage.target.stop(input, 1)
        await stage.target.remove(input, 1)
        assert.ok(foreign.pid !== undefined && (await processLives(foreign.pid)))
      } finally {
        foreign.kill('SIGKILL')
      }
    }),
  },
]
