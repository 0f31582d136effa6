import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { hasCode, type RunningRef } from '@appaloft/core/spec'
import { samplePlan, sampleRelease } from '@appaloft/testkit'
import { describe, expect, it, onTestFinished } from 'vitest'
import { behindSocket } from '../test/behind.js'
import { haveEngine, nodeImage, withoutEngine } from '../test/engine.js'

const former: RunningRef = { resourceId: 'res_web', deploymentId: 'dep_1', releaseId: 'rel_1' }
const live: RunningRef = { resourceId: 'res_web', deploymentId: 'dep_2', releaseId: 'rel_2' }
/** Takes its time to end, and says so. */
const script = `process.on('SIGTERM', () => setTimeout(() => { console.log('bye'); process.exit(0) }, 200)); setInterval(() => {}, 1000)`

/** Two releases under the token 1, and targets of the same scope behind a socket of the test's own. */
async function scene() {
  const { here, engine, names, path, socket, listen, target } = await behindSocket()
  for (const ref of [former, live]) {
    const name = names.container(ref, 0, 1)
    const HostConfig = { Init: true }
    const Labels = names.labels(ref, 'instance')
    await engine.create(name, { Image: nodeImage, Cmd: ['node', '-e', script], Labels, HostConfig })
    await engine.start(name)
  }
  const nameOf = (ref: RunningRef, token = 1) => names.container(ref, 0, token)
  const state = async (ref: RunningRef, token = 1) => (await engine.container(nameOf(ref, token)))?.State.Status ?? null
  return { here, engine, names, socket, path, listen, target, nameOf, state }
}

/** What goes over each connection, and when. */
async function wire(socket: string, engine: string) {
  const seen: string[] = []
  const server = createServer((client) => {
    const onward = connect(engine)
    client.on('data', (data) => {
      for (const [, method, url = ''] of data.toString('latin1').matchAll(/(GET|POST|DELETE|HEAD) (\S+) HTTP/g))
        seen.push(`${method} ${/^\/(?:containers\/[^/?]+)?\/?[a-z]*/.exec(url)?.[0].replace(/[^/]+\.t\d+/, '…')}`)
    })
    onward.on('data', (data) => {
      for (const [, status] of data.toString('latin1').matchAll(/HTTP\/1\.1 (\d+)/g)) seen.push(String(status))
    })
    client.on('error', () => onward.destroy()).pipe(onward)
    onward.on('error', () => client.destroy()).pipe(client)
    onTestFinished(() => void client.destroy())
  })
  server.listen(socket)
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return seen
}

const input = () => ({
  ...live,
  token: 1,
  signal: new AbortController().signal,
  log: () => undefined,
  environment: {},
  secretNames: [],
  release: sampleRelease({ id: live.releaseId, plan: samplePlan({ artifact: { kind: 'image', image: nodeImage } }) }),
})
const failure = (call: Promise<unknown> | undefined) =>
  (call ?? Promise.reject(new Error('not offered'))).then(
    () => null,
    (reason: unknown) => reason,
  )

describe.skipIf(!haveEngine)(`what was listed for soon ${haveEngine ? '' : withoutEngine}`, () => {
  it('is made to stay, and ends gracefully and goes, each in one exchange', async () => {
    const { engine, socket, path, target, nameOf, state } = await scene()
    const seen = await wire(socket, path)
    const one = target()
    expect(await one.list('res_web', { soon: true })).toHaveLength(2)
    seen.length = 0
    await one.promoted?.(input(), former)
    expect(seen).toEqual(['POST /containers/…/update', '200'])
    const output = (await engine.logs(nameOf(former), { follow: true })).toArray()
    seen.length = 0
    await one.remove(former, 1)
    // The engine does the second when it has done the first.
    expect(seen).toEqual(['POST /containers/…/stop', 'DELETE /containers/…', '204', '204'])
    expect(Buffer.concat(await output).toString()).toContain('bye')
    expect([await state(former), await state(live)]).toEqual([null, 'running'])
    // Of what was not listed for it, it is looked for.
    const other = target()
    seen.length = 0
    await other.promoted?.(input(), former)
    expect(seen.filter((call) => call.startsWith('GET')).length).toBeGreaterThan(0)
  })

  it('is waited for where the list is still under way', async () => {
    const { socket, path, target } = await scene()
    const seen = await wire(socket, path)
    const one = target()
    const listed = one.list('res_web', { soon: true })
    const made = one.promoted?.(input(), former)
    await Promise.all([listed, made])
    expect(seen.filter((call) => call.startsWith('GET')).length).toBe(5)
    expect(seen.filter((call) => call.startsWith('POST'))).toEqual(['POST /containers/…/update'])
  })

  it('under a fence that was raised meanwhile nothing is found, and all is refused', async () => {
    const { here, socket, path, target, state } = await scene()
    await wire(socket, path)
    const loser = target()
    await loser.list('res_web', { soon: true })
    await here.target.fence('res_web', 5, { expected: 0, owner: 'dep_b' })
    await here.target.list('res_web')
    expect(hasCode(await failure(loser.promoted?.(input(), former)), 'fenced')).toBe(true)
    expect(hasCode(await failure(loser.remove(former, 1)), 'fenced')).toBe(true)
    expect([await state(former, 5), await state(live, 5)]).toEqual(['running', 'running'])
    // Nor does who has raised it rely on what was seen before.
    const winner = target()
    await winner.list('res_web', { soon: true })
    await here.target.fence('res_web', 6, { expected: 5, owner: 'dep_c' })
    await here.target.list('res_web')
    await winner.remove(former, 6)
    expect(await state(former, 6)).toBe(null)
  })

  it('what cannot be stopped stays, and what runs all the same goes at last', async () => {
    const { listen, target, state } = await scene()
    let instead: { status: number; message: string } = { status: 500, message: 'no stops today' }
    await listen(async ({ url }) => (url.includes('/stop') ? instead : undefined))
    const one = target()
    await one.list('res_web', { soon: true })
    expect(String(await failure(one.remove(former, 1)))).toContain('no stops today')
    expect(await state(former)).toBe('running')
    instead = { status: 304, message: '' }
    await one.remove(former, 1)
    expect(await state(former)).toBe(null)
  })

  it('what was started since then is looked for', async () => {
    const { engine, names, socket, path, target } = await scene()
    const seen = await wire(socket, path)
    const one = target()
    await one.list('res_web', { soon: true })
    const late: RunningRef = { resourceId: 'res_web', deploymentId: 'dep_3', releaseId: 'rel_3' }
    await engine.create(names.container(late, 0, 1), { Image: nodeImage, Labels: names.labels(late, 'instance') })
    await one.remove(late, 1)
    expect(await engine.container(names.container(late, 0, 1))).toBe(null)
    expect(seen.length).toBeGreaterThan(0)
  })
})
