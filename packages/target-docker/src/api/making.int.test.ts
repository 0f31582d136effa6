import { describe, expect, it, onTestFinished } from 'vitest'
import { behindSocket, ids, inputOf } from '../../test/behind.js'
import { haveEngine, withoutEngine } from '../../test/engine.js'
import { caddyContainer } from '../caddy/container.js'
import { label } from '../names.js'

// While an engine makes a container it lists it, keeps its name, and says that there is no such: here until it was asked so often.
const asks = 6

async function slowEngine() {
  const { here, engine, folder, host, listen, target } = await behindSocket()
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
  await listen(
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
  return { engine, folder, scope: here.scope, host, target, state, isListed, refused: () => refused }
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
    const { engine, target: targetOf, state, refused } = await slowEngine()
    state.cut = true
    const target = targetOf({ pull: 'never' })
    const input = await inputOf(engine, ids(1))
    await expect(target.start(input)).rejects.toMatchObject({ code: 'runtime-backend-unavailable' })
    await target.start(input)
    expect(refused()).toBeGreaterThanOrEqual(asks)
    expect((await target.inspect(ids(1))).state).toBe('running')
  })
})
