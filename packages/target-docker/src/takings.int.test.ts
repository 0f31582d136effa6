import { describe, expect, it } from 'vitest'
import { behindSocket } from '../test/behind.js'
import { haveEngine, nodeImage, withoutEngine } from '../test/engine.js'

const ref = { resourceId: 'res_web', deploymentId: 'dep_1', releaseId: 'rel_1' }

/** A release that a former holder started, and a target whose renames can be held up or refused. */
async function scene() {
  const { engine, names, listen, target: targetOf } = await behindSocket()
  const name = names.container(ref, 0, 1)
  await engine.create(name, { Image: nodeImage, Cmd: ['sleep', '600'], Labels: names.labels(ref, 'instance') })
  await engine.start(name)
  const seen: string[] = []
  const state = { refused: false, held: Promise.resolve() }
  await listen(async ({ method, url }) => {
    seen.push(`${method} ${/^\/(?:containers\/[^/?]+\/)?[a-z]+/.exec(url)?.[0].replace(/[^/]+\.t\d+/, '…')}`)
    if (!url.includes('/rename')) return
    await state.held
    if (state.refused) return { status: 500, message: 'no renames today' }
    return undefined
  })
  const target = targetOf()
  const named = async () => (await engine.containers(names.ofResource('res_web'))).flatMap((one) => one.Names)
  return { target, engine, names, name, seen, state, named }
}

describe.skipIf(!haveEngine)(`a holder that takes over ${haveEngine ? '' : withoutEngine}`, () => {
  it('goes on; what acts on containers, or looks at them, waits until they have its names', async () => {
    const { target, names, seen, state, named } = await scene()
    let release = () => {}
    state.held = new Promise((resolve) => {
      release = resolve
    })
    await target.fence('res_web', 5, { expected: 0, owner: 'dep_b' })
    expect(await target.mark('res_web')).toBe(5)
    const calls = [
      target.inspect(ref),
      target.list('res_web'),
      target.reach(ref, 80),
      target.stop(ref, 5, { graceSeconds: 0 }),
    ]
    const control = new AbortController()
    const aborted = target.remove(ref, 5, { signal: control.signal })
    control.abort(new Error('enough'))
    await expect(aborted).rejects.toMatchObject({ message: 'enough' })
    // Whatever they ask would have been asked before this.
    await target.mark('res_web')
    expect(seen.filter((one) => one.startsWith('GET /containers'))).toHaveLength(1)
    expect(seen.filter((one) => one.startsWith('POST /containers'))).toEqual(['POST /containers/…/rename'])
    release()
    await Promise.all(calls)
    expect(await named()).toEqual([`/${names.container(ref, 0, 5)}`])
    expect((await target.inspect(ref)).state).toBe('exited')
    expect(seen.filter((one) => one.endsWith('/rename'))).toHaveLength(1)
  })

  it('which fails fails what needs it, and is tried again with the next', async () => {
    const { target, names, name, state, named } = await scene()
    state.refused = true
    await target.fence('res_web', 5, { expected: 0, owner: 'dep_b' })
    await expect(target.stop(ref, 5)).rejects.toThrow('no renames today')
    await expect(target.list('res_web')).rejects.toThrow('no renames today')
    expect(await named()).toEqual([`/${name}`])
    state.refused = false
    expect(await target.list('res_web')).toEqual([{ ...ref, state: 'running' }])
    expect(await named()).toEqual([`/${names.container(ref, 0, 5)}`])
    await target.stop(ref, 5, { graceSeconds: 0 })
    expect((await target.inspect(ref)).state).toBe('exited')
  })
})
