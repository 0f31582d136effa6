import { randomBytes } from 'node:crypto'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { haveEngine, machine, testEngine, withoutEngine } from '../test/engine.js'
import { label, Names } from './names.js'

describe.skipIf(!haveEngine)(`records as labels of volumes ${haveEngine ? '' : withoutEngine}`, () => {
  async function scene() {
    const here = await machine({ records: true })
    const engine = await testEngine()
    onTestFinished(async () => {
      engine.client.close()
      await here.close()
    })
    const names = new Names(here.scope)
    return { engine, names, scope: here.scope, records: here.target.records! }
  }

  it('are one volume each, and no volumes of the resource', async () => {
    const { engine, names, records } = await scene()
    for (const text of ['one', 'two', 'three']) await records.put('res_web', 'dep_1', text, 1)
    // What was replaced goes beside.
    await vi.waitFor(
      async () => {
        const all = await engine.volumes(names.ofResource('res_web'))
        expect(all.map(({ Labels }) => Labels[label.role])).toEqual(['record'])
      },
      { timeout: 20_000 },
    )
    expect(await engine.volumes(names.ofResource('res_web', 'volume'))).toEqual([])
  })

  it('of a former holder never come before those of a newer one', async () => {
    const { engine, names, records } = await scene()
    await records.put('res_web', 'dep_1', 'late', 1)
    const [late] = await engine.volumes(names.ofResource('res_web', 'record'))
    await records.put('res_web', 'dep_1', 'new', 2)
    // It wrote before it was overtaken, and the engine did it afterwards.
    await engine.createVolume({ Name: late?.Name, Labels: late?.Labels })
    expect((await records.list('res_web')).map(({ text }) => text)).toEqual(['new'])
  })

  it('that are mutilated are told as such, beside the others', async () => {
    const { engine, names, records } = await scene()
    await records.put('res_web', 'dep_1', 'text', 1)
    for (const [name, text] of [
      ['dep_2', 'no base64 of anything'],
      ['dep_3', ''],
    ] as const) {
      const labels = { [label.record]: name, [label.token]: '1', [label.order]: '1', [label.text]: text }
      await engine.createVolume({
        Name: names.record('res_web', name, 1, 1),
        Labels: names.labels({ resourceId: 'res_web' }, 'record', labels),
      })
    }
    expect((await records.list()).map(({ name, text }) => [name, text])).toEqual([
      ['dep_1', 'text'],
      ['dep_2', null],
      ['dep_3', null],
    ])
    await records.remove('res_web', 'dep_2', 1)
    expect(await records.list()).toHaveLength(2)
  })

  it('may be long: what no record has fits', async () => {
    const { records } = await scene()
    const long = randomBytes(200_000).toString('hex')
    await records.put('res_web', 'dep_1', long, 1)
    expect((await records.list())[0]?.text === long).toBe(true)
  })
})
