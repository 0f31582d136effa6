import { describe, expect, it, onTestFinished } from 'vitest'
import { haveEngine, machine, nodeImage, testEngine, withoutEngine } from '../../test/engine.js'
import { Names } from '../names.js'
import { EngineError } from './client.js'

describe.skipIf(!haveEngine)(`calls in order ${haveEngine ? '' : withoutEngine}`, () => {
  async function scene() {
    const here = await machine({})
    const engine = await testEngine()
    onTestFinished(async () => {
      engine.client.close()
      await here.close()
    })
    return { engine, names: new Names(here.scope) }
  }

  it('each finds what the one before has done, also where one of them is refused', async () => {
    const { engine, names } = await scene()
    const ref = { resourceId: 'res_web' }
    const name = names.volume('res_web', 'data')
    const labels = names.ofResource('res_web')
    for (let round = 0; round < 20; round += 1) {
      const results = await engine.inOrder((ordered) =>
        Promise.allSettled([
          ordered.createVolume({ Name: name, Labels: names.labels(ref, 'volume') }),
          ordered.volumes(labels),
          ordered.rename(`${name}.none`, `${name}.other`),
          ordered.removeVolume(name),
          ordered.volumes(labels),
          ordered.removeVolume(name),
        ]),
      )
      expect(results.map(({ status }) => status)).toEqual([
        ...['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled'],
      ])
      const [, there, refused, , gone, again] = results.map((one) =>
        one.status === 'fulfilled' ? one.value : one.reason,
      )
      expect(there).toMatchObject([{ Name: name }])
      expect(refused).toBeInstanceOf(EngineError)
      expect(refused).toMatchObject({ status: 404 })
      expect(gone).toEqual([])
      expect(again).toBeNull()
    }
  })

  it('a container is made, looked into, started, stopped and removed in one go', async () => {
    const { engine, names } = await scene()
    const ref = { resourceId: 'res_web', deploymentId: 'dep_1', releaseId: 'rel_1' }
    const name = names.container(ref, 0, 1)
    const body = { Image: nodeImage, Cmd: ['sleep', '60'], Labels: names.labels(ref, 'instance') }
    const [, holds, none, , running, , exited, , left] = await engine.inOrder((ordered) =>
      Promise.all([
        ordered.create(name, body),
        ordered.holds(name, '/bin/sh'),
        ordered.holds(name, '/bin/no-such-program'),
        ordered.start(name),
        ordered.container(name),
        ordered.stop(name, 0),
        ordered.container(name),
        ordered.remove(name),
        ordered.containers(names.ofResource('res_web')),
      ]),
    )
    expect([holds, none]).toEqual([true, false])
    expect(running?.State.Status).toBe('running')
    expect(exited?.State.Status).toBe('exited')
    expect(left).toEqual([])
  })
})
