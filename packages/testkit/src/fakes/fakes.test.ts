import assert from 'node:assert/strict'
import type { Plan, ReleaseInput, RouteTable } from '@appaloft/core/spec'
import { afterEach, test } from 'vitest'
import { FakeWorld, fakeProxy, fakeTarget } from './index.js'

const worlds: FakeWorld[] = []
const world = () => {
  const made = new FakeWorld()
  worlds.push(made)
  return made
}
afterEach(async () => {
  for (const one of worlds.splice(0)) await one.close()
})

const input = (deploymentId: string, start: string): ReleaseInput => ({
  resourceId: 'res_web',
  deploymentId,
  releaseId: `rel_${deploymentId}`,
  token: 1,
  signal: new AbortController().signal,
  log: () => undefined,
  environment: { GREETING: 'hello' },
  secretNames: [],
  release: {
    id: `rel_${deploymentId}`,
    resourceId: 'res_web',
    target: 'fake',
    deploymentId,
    planFingerprint: 'f',
    artifact: {},
    state: 'candidate',
    createdAt: '2020-01-01T00:00:00.000Z',
    plan: {
      commands: { start: { command: start, from: 'profile' } },
      network: { exposure: 'proxy' },
      volumes: [],
    } as unknown as Plan,
  },
})

const table = (
  live: string | null,
  staged: string | null,
  ports: Record<string, number>,
  token: string,
): RouteTable => {
  const set = (id: string | null) =>
    id === null
      ? null
      : {
          deploymentId: id,
          releaseId: `rel_${id}`,
          addresses: [{ kind: 'tcp' as const, host: '127.0.0.1', port: ports[id]! }],
        }
  return {
    routes: [{ hostname: null, pathPrefix: '/', pathHandling: 'preserve', redirectTo: null, tls: 'off' }],
    live: set(live),
    staged: set(staged),
    verify: { token, deploymentId: 'dep_b' },
    identity: 'always',
  }
}

test('a staged release is reached by its token alone, and identity follows the promotion', async () => {
  const here = world()
  const proxy = fakeProxy({ world: here })
  const target = fakeTarget({ world: here, proxy })
  const ports: Record<string, number> = {}
  for (const [id, text] of [
    ['dep_a', 'old'],
    ['dep_b', 'new'],
  ] as const) {
    const given = input(id, `serve text=${text}`)
    await target.start(given)
    const reach = await target.reach(given, 80)
    const address = reach.upstream[0]!
    assert.equal(address.kind, 'tcp')
    ports[id] = address.kind === 'tcp' ? address.port : 0
  }
  const token = 'a'.repeat(32)
  await proxy.apply('res_web', table('dep_a', 'dep_b', ports, token), 1)
  const { publicPort } = await proxy.endpoint('res_web')
  const ask = async (headers: Record<string, string> = {}) => {
    const answer = await fetch(`http://127.0.0.1:${publicPort}/`, { headers })
    return [await answer.text(), answer.headers.get('x-appaloft-deployment')]
  }
  assert.deepEqual(await ask(), ['old', 'dep_a'])
  assert.deepEqual(await ask({ 'x-appaloft-verify': token }), ['new', 'dep_b'])
  await proxy.apply('res_web', table('dep_b', null, ports, token), 1)
  assert.deepEqual(await ask(), ['new', 'dep_b'])
  assert.deepEqual(await ask({ 'x-appaloft-verify': token }), ['new', 'dep_b'])
})

test('faults, calls and crashes are at the test’s command', async () => {
  const target = fakeTarget({ world: world() })
  const given = input('dep_a', 'serve status=500 env=GREETING')
  target.world.fail('start', new Error('ordered'))
  await assert.rejects(() => target.start(given), /ordered/)
  assert.equal((await target.inspect(given)).state, 'absent')
  await target.start(given)
  assert.equal((await target.inspect(given)).state, 'running')
  target.world.crash('dep_a', { exitCode: 7, line: { stream: 'stderr', text: 'boom' } })
  const state = await target.inspect(given)
  assert.equal(state.state, 'exited')
  assert.equal(state.instances[0]?.exitCode, 7)
  const lines: string[] = []
  for await (const line of target.logs(given)) lines.push(line.text)
  assert.deepEqual(lines, ['GREETING=hello', 'boom'])
  assert.deepEqual(
    target.world.calls.filter((call) => call.part === 'target').map((call) => call.method),
    ['start', 'inspect', 'start', 'inspect', 'inspect'],
  )
})
