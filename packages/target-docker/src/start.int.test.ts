import type { Command } from '@appaloft/core/spec'
import { describe, expect, it } from 'vitest'
import { behindSocket, ids as idsOf, inputOf } from '../test/behind.js'
import { haveEngine, nodeImage, withoutEngine } from '../test/engine.js'

const ids = idsOf(1)

/** A target that tells what it asks, on another machine or on this one. */
async function scene(elsewhere: boolean, command: Command = ['sleep', '600']) {
  const { engine, names, host, listen, target: targetOf } = await behindSocket()
  const asked: string[] = []
  const before = { ask: async (_: string): Promise<{ status: number; message: string } | undefined> => undefined }
  await listen(async ({ method, url }) => {
    const [what = ''] = /(?:create|start|archive|json|volumes|rename|stop)(?=$|\?)/.exec(url) ?? [url]
    const one = url.startsWith('/containers/json') ? 'GET list' : `${method} ${what}`
    asked.push(one)
    return await before.ask(one)
  })
  const target = targetOf({ pull: 'never', host: elsewhere ? async () => host : host })
  const input = await inputOf(engine, ids, command)
  await target.upload(input)
  asked.length = 0
  return { target, engine, names, input, asked, before, port: input.release.plan.network.internalPort ?? 80 }
}

const places = 6

describe.skipIf(!haveEngine)(`starting a release ${haveEngine ? '' : withoutEngine}`, () => {
  it.each([true, false])(
    'asks in order, and knows afterwards where it answers (on another machine: %s)',
    async (far) => {
      const { target, input, asked, port } = await scene(far)
      await target.start(input)
      const begin = ['POST create', 'GET volumes', 'POST start']
      expect(asked.slice(0, 4)).toEqual([...begin, 'HEAD archive'])
      if (far) expect(asked).toHaveLength(begin.length + places)
      asked.length = 0
      const known = await target.reach(ids, port)
      expect(known.probe).toHaveLength(1)
      expect(asked).toEqual([])
      const { state, instances } = await target.inspect(ids)
      expect([state, instances.length, asked]).toEqual(['running', 1, ['GET json']])
      await target.stop(ids, 1, { graceSeconds: 0 })
      asked.length = 0
      expect((await target.inspect(ids)).state).toBe('exited')
      expect(asked).toContain('GET list')
      expect(await target.reach(ids, port)).toEqual({ probe: [], upstream: [] })
      await target.restart(ids, 1)
      // It keeps its port.
      expect(await target.reach(ids, port)).toEqual(known)
    },
  )

  it('what has ended by itself, or was taken away by another, is looked for again', async () => {
    const { target, engine, names, input, asked, port } = await scene(true)
    await target.start(input)
    await engine.kill(names.container(ids, 0, 1), 'SIGKILL')
    await expect.poll(async () => (await target.inspect(ids)).state).toBe('exited')
    asked.length = 0
    expect((await target.reach(ids, port)).probe).toEqual([])
    expect(asked).toContain('GET list')
    await target.remove(ids, 1)
    await target.start(input)
    await engine.remove(names.container(ids, 0, 1))
    expect((await target.inspect(ids)).state).toBe('absent')
    expect((await target.reach(ids, port)).probe).toEqual([])
  })

  it.each([true, false])(
    'a program that the image lacks is told by its name, and nothing stays (elsewhere: %s)',
    async (far) => {
      const { target, engine, names, input } = await scene(far, ['no-such-program'])
      await expect(target.start(input)).rejects.toMatchObject({
        code: 'start-failed',
        message: expect.stringContaining('no-such-program'),
      })
      expect(await engine.containers(names.ofResource('res_web'))).toEqual([])
      expect((await target.inspect(ids)).state).toBe('absent')
    },
  )

  it('is made beside the taking over, and not started before it', async () => {
    const { target, engine, names, input, asked, before } = await scene(true)
    const old = { ...ids, deploymentId: 'dep_0' }
    await engine.create(names.container(old, 0, 1), { Image: nodeImage, Labels: names.labels(old, 'instance') })
    before.ask = async (one) => (one === 'POST rename' ? { status: 500, message: 'no renames today' } : undefined)
    await target.fence('res_web', 5, { expected: 0, owner: 'dep_b' })
    await expect(target.start({ ...input, token: 5 })).rejects.toThrow('no renames today')
    expect(asked).toContain('POST create')
    expect(asked).not.toContain('POST start')
    expect((await engine.containers(names.ofResource('res_web'))).map(({ Names }) => Names)).toEqual([
      [`/${names.container(old, 0, 1)}`],
    ])
    before.ask = async () => undefined
    await target.start({ ...input, token: 5 })
    expect((await target.inspect(ids)).state).toBe('running')
    expect(await engine.container(names.container(old, 0, 5))).not.toBeNull()
  })
})
