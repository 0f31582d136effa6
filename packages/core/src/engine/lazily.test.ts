import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Scene } from '../../test/engine.js'
import { nextOf, told } from '../../test/observation.js'
import { settled } from '../../test/virtual-clock.js'

let scene: Scene
beforeEach(async () => {
  scene = await Scene.make()
})
afterEach(() => scene.close())

/** Until it holds: something that takes its own time. */
const until = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 5 })

describe('deployments.events', () => {
  it('makes the engine ready and subscribes when it is called', async () => {
    const { id } = await scene.deployed(scene.engine())
    const subscribe = vi.spyOn(scene.store, 'subscribe')
    const stream = scene.engine().deployments.events(id, { follow: true })
    await until(() => expect(subscribe).toHaveBeenCalledTimes(1))
    await stream.return?.()
  })

  it('rejects the first next where the engine cannot be made ready, and no rejection is left alone', async () => {
    const { id } = await scene.deployed(scene.engine())
    const list = vi.spyOn(scene.store, 'listDeployments').mockRejectedValueOnce(new Error('not now'))
    const stream = scene.engine().deployments.events(id)
    await until(() => expect(list).toHaveBeenCalled())
    await settled()
    await expect(stream.next()).rejects.toThrow('not now')
    expect(await nextOf(stream)).toBe('done')
  })

  it('rejects with engine-closed after close', async () => {
    const engine = scene.engine()
    await engine.close()
    await expect(engine.deployments.events('dep_1').next()).rejects.toMatchObject({ code: 'engine-closed' })
  })

  it('that was returned before the engine was ready never subscribes', async () => {
    const { id } = await scene.deployed(scene.engine())
    const subscribe = vi.spyOn(scene.store, 'subscribe')
    let open = () => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const { listDeployments } = scene.store
    vi.spyOn(scene.store, 'listDeployments').mockImplementation(async (query) => {
      await gate
      return listDeployments(query)
    })
    const stream = scene.engine().deployments.events(id, { follow: true })
    const pending = nextOf(stream)
    await settled()
    await stream.return?.()
    expect(await pending).toBe('done')
    open()
    await settled()
    await settled()
    expect(subscribe).not.toHaveBeenCalled()
  })
})

describe('logs', () => {
  const start = 'serve print=one,two'
  const rest = { runtime: { startCommand: start, buildCommand: 'run print=compiled,linked' } }
  const texts = async (stream: AsyncIterable<{ text: string }>) => {
    const all = []
    for await (const { text } of stream) all.push(text)
    return all
  }

  it('join the build with what the release says, or its last lines', async () => {
    const engine = scene.engine()
    const { id } = await scene.deployed(engine, start, rest)
    const { logs } = engine.deployments
    expect(await texts(logs(id))).toEqual(['compiled', 'linked', 'one', 'two'])
    expect(await texts(logs(id, { tail: 3 }))).toEqual(['linked', 'one', 'two'])
    expect(await texts(logs(id, { tail: 1 }))).toEqual(['two'])
    expect(await texts(logs(id, { tail: 0 }))).toEqual([])
    expect(await texts(engine.resources.logs('res_shop', { tail: 3 }))).toEqual(['linked', 'one', 'two'])
  })

  it('with follow begin with the last lines, go on, and end at once when returned', async () => {
    const engine = scene.engine()
    const { id, release } = await scene.deployed(engine, start, rest)
    const stream = engine.resources.logs('res_shop', { tail: 3, follow: true })
    for (const text of ['linked', 'one', 'two']) expect((await stream.next()).value?.text).toBe(text)
    const next = stream.next()
    scene.world.app(id, release!.id)?.print('stdout', 'three')
    expect((await next).value?.text).toBe('three')
    const pending = stream.next()
    await settled()
    await stream.return?.()
    expect(await pending).toEqual({ done: true, value: undefined })
  })

  it('refuse what they do not know, and say when the store fails', async () => {
    const engine = scene.engine()
    const { id } = await scene.deployed(engine)
    await expect(engine.deployments.logs(id, { tail: -1 }).next()).rejects.toMatchObject({ code: 'invalid-input' })
    await expect(engine.deployments.logs('dep_none').next()).rejects.toMatchObject({ code: 'deployment-not-found' })
    vi.spyOn(scene.store, 'readEvents').mockRejectedValue(new Error('gone'))
    await expect(engine.deployments.logs(id).next()).rejects.toMatchObject({ code: 'internal-error', message: 'gone' })
  })
})

describe('observers of an engine that is closed', () => {
  it('leave, with what was written before', async () => {
    const engine = scene.engine()
    const handle = await engine.deployments.create({ resource: scene.definition('serve listen=never') })
    const all: string[] = []
    const reading = (async () => {
      for await (const one of handle.events({ follow: true })) all.push(told(one))
    })()
    await engine.close({ mode: 'cancel' })
    await reading
    expect(all.at(-1)).toMatch(/^closed (?:completed|source-ended)@/)
    const { last } = await scene.store.readEvents(handle.id, { limit: 0 })
    expect(all.at(-1)).toBe(`closed completed@${last}`)
  })
})

describe('a listener of the bus', () => {
  it('that throws, or rejects later, breaks neither the deployment nor another listener', async () => {
    const engine = scene.engine()
    const seen: string[] = []
    engine.on('event', () => {
      throw new Error('mine')
    })
    engine.on('event', async () => {
      throw new Error('mine, later')
    })
    engine.on('event', ({ type }) => seen.push(type))
    const handle = await engine.deployments.create(
      { resource: scene.definition() },
      { onEvent: async () => Promise.reject(new Error('mine too')) },
    )
    expect((await handle.done).status).toBe('succeeded')
    const { last } = await scene.store.readEvents(handle.id, { limit: 0 })
    expect(seen.length).toBe(last)
  })
})
