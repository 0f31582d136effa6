import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from '@appaloft/core/spec'
import { sampleId, samplePlan, sampleRelease } from '@appaloft/testkit'
import { describe, expect, it, onTestFinished } from 'vitest'
import { haveEngine, machine, nodeImage, testEngine, testOptions, withoutEngine } from '../../test/engine.js'
import { relay } from '../../test/relay.js'
import { caddyContainer } from '../caddy/container.js'
import { docker } from '../index.js'
import { label } from '../names.js'

// While an engine makes a container it lists it, keeps its name, and says that there is no such: here until it was asked so often.
const asks = 6

async function slowEngine() {
  const here = await machine()
  onTestFinished(() => here.close())
  const engine = await testEngine()
  onTestFinished(() => engine.client.close())
  const folder = await mkdtemp(join(tmpdir(), 'appaloft-making-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  if (engine.address.kind !== 'unix') throw new Error('needs an engine on a socket')
  const socket = join(folder, 'engine.sock')
  let refused = 0
  let listed = () => {}
  let known = () => {}
  const isListed = new Promise<void>((resolve) => {
    listed = resolve
  })
  const isKnown = new Promise<void>((resolve) => {
    known = resolve
  })
  const state = { making: false, cut: false }
  const server = await relay(
    socket,
    engine.address.path,
    async ({ url }) => {
      const [, name = ''] = /^\/containers\/([^/?]+)/.exec(url) ?? []
      if (!state.making || ['', 'json', 'create'].includes(name)) return undefined
      refused += 1
      if (refused === asks) {
        state.making = false
        known()
      }
      return { status: 404, message: `No such container: ${name}` }
    },
    async ({ url }) => {
      if (!url.startsWith('/containers/create') || refused > 0) return true
      state.making = true
      listed()
      if (!state.cut) await isKnown
      return !state.cut
    },
  )
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { engine, folder, scope: here.scope, host: `unix://${socket}`, state, isListed, refused: () => refused }
}

describe.skipIf(!haveEngine)(`a container that is just being made ${haveEngine ? '' : withoutEngine}`, () => {
  it('is waited for where another starts the same Caddy', async () => {
    const { engine, folder, scope, host, isListed, refused } = await slowEngine()
    const [first, second] = [0, 1].map(() => caddyContainer({ stateDir: folder, scope, host }))
    onTestFinished(async () => void (await Promise.all([first!.close(), second!.close()])))
    const start = (one = first!) => one.proxy.start({ config: { admin: { listen: one.proxy.admin } } })
    const making = start()
    await isListed
    await Promise.all([making, start(second)])
    expect(refused()).toBeGreaterThanOrEqual(asks)
    expect((await engine.containers([`${label.scope}=${scope}`])).map(({ State: state }) => state)).toEqual(['running'])
  })

  it('is waited for where the connection was lost while it was made', async () => {
    const { engine, scope, host, state, refused } = await slowEngine()
    state.cut = true
    const target = docker({ ...testOptions(scope), pull: 'never', host })
    onTestFinished(() => target.close?.())
    const start = { command: ['sleep', '600'] as Command, from: 'profile' as const }
    const plan = { ...samplePlan({ artifact: { kind: 'image', image: nodeImage } }), commands: { start } }
    const ids = { resourceId: 'res_web', deploymentId: sampleId('dep', 1), releaseId: sampleId('rel', 1) }
    const image = (await engine.image(nodeImage))?.Id ?? ''
    const release = sampleRelease({ id: ids.releaseId, plan, artifact: { image } })
    const common = { ...ids, token: 1, signal: new AbortController().signal, log: () => undefined }
    const input = { ...common, release, environment: {}, secretNames: [] }
    await expect(target.start(input)).rejects.toMatchObject({ code: 'runtime-backend-unavailable' })
    await target.start(input)
    expect(refused()).toBeGreaterThanOrEqual(asks)
    expect((await target.inspect(ids)).state).toBe('running')
  })
})
