import assert from 'node:assert/strict'
import type { Target, TargetRecords } from '@appaloft/core/spec'
import type { ConformanceCase } from '../suite.js'
import { refused, staged, type TargetFactory } from './stage.js'

const requires = ['records']

function recordsOf(target: Target): TargetRecords {
  assert.ok(target.records !== undefined, 'the target keeps no records')
  return target.records
}

/** What a machine may mutilate: quotes, line ends, characters beyond the first plane, and length. */
const awkward = JSON.stringify({
  text: `'"\\ \n\r\t ä 漢字 \u{1f680} $HOME \`id\` =,;`,
  long: Array.from({ length: 4000 }, (_, at) => `line ${at}`),
})

export const recordCases: readonly ConformanceCase<TargetFactory>[] = [
  {
    id: 'target.records.put',
    title: 'a record is read by everyone as it was written, and replaced by the next of its name',
    requires,
    run: staged(async (stage) => {
      const records = recordsOf(stage.target)
      assert.deepEqual(await records.list(), [])
      await records.put('res_web', 'dep_2', awkward, 1)
      await records.put('res_web', 'dep_1', 'first', 1)
      await records.put('res_web', 'dep_1', 'second', 1)
      await records.put('res_web', 'dep_1', 'second', 1)
      await records.put('res_other', 'dep_1', '', 1)
      const web = [
        { resourceId: 'res_web', name: 'dep_1', text: 'second' },
        { resourceId: 'res_web', name: 'dep_2', text: awkward },
      ]
      const other = { resourceId: 'res_other', name: 'dep_1', text: '' }
      assert.deepEqual(await records.list('res_web'), web)
      const again = recordsOf(await stage.machine.again())
      assert.deepEqual(await again.list(), [other, ...web])
      await again.put('res_web', 'dep_1', 'third', 2)
      assert.equal((await records.list('res_web'))[0]?.text, 'third')
      assert.deepEqual(await records.list('res_none'), [])
    }),
  },
  {
    id: 'target.records.name',
    title: 'a name that is none is refused',
    requires,
    run: staged(async (stage) => {
      const records = recordsOf(stage.target)
      for (const name of ['', '../x', 'A', 'a b', 'a=b', 'x'.repeat(65)])
        await refused(() => records.put('res_web', name, 'text', 1), 'invalid-input')
      await records.put('res_web', 'x'.repeat(64), 'text', 1)
      assert.equal((await records.list()).length, 1)
    }),
  },
  {
    id: 'target.records.remove',
    title: 'a record is removed, once and again, and no other with it',
    requires,
    run: staged(async (stage) => {
      const records = recordsOf(stage.target)
      for (const name of ['dep_1', 'dep_11']) await records.put('res_web', name, name, 1)
      await records.put('res_webs', 'dep_1', 'other', 1)
      await records.put('res_web', 'dep_1', 'twice', 1)
      await records.remove('res_web', 'dep_1', 1)
      await records.remove('res_web', 'dep_1', 1)
      await records.remove('res_none', 'dep_1', 1)
      assert.deepEqual(await records.list(), [
        { resourceId: 'res_web', name: 'dep_11', text: 'dep_11' },
        { resourceId: 'res_webs', name: 'dep_1', text: 'other' },
      ])
    }),
  },
  {
    id: 'target.records.fence',
    title: 'below the fence nothing is written and nothing removed',
    requires: [...requires, 'fencing:compare'],
    run: staged(async (stage) => {
      const records = recordsOf(stage.target)
      await records.put('res_web', 'dep_1', 'first', 3)
      await stage.target.fence('res_web', 5, { expected: 0, owner: 'dep_b' })
      await refused(() => records.put('res_web', 'dep_1', 'late', 4), 'fenced')
      await refused(() => records.put('res_web', 'dep_2', 'late', 4), 'fenced')
      await refused(() => records.remove('res_web', 'dep_1', 4), 'fenced')
      assert.deepEqual(await records.list(), [{ resourceId: 'res_web', name: 'dep_1', text: 'first' }])
      await records.put('res_web', 'dep_1', 'next', 5)
      await records.put('res_other', 'dep_1', 'not fenced', 1)
      assert.equal((await records.list('res_web'))[0]?.text, 'next')
      await records.remove('res_web', 'dep_1', 6)
      assert.deepEqual(await records.list('res_web'), [])
    }),
  },
  {
    id: 'target.records.apart',
    title: 'records are no things of a release: they are neither listed nor removed with it, nor with the volumes',
    requires: [...requires, 'workspace', 'exposure:proxy'],
    run: staged(async (stage) => {
      const records = recordsOf(stage.target)
      const input = await stage.deploy(stage.samples.server('hello'))
      await records.put('res_web', input.deploymentId, 'text', 1)
      await stage.answers(input)
      assert.deepEqual(await stage.target.list('res_web'), [{ ...stage.ref(1), state: 'running' }])
      await stage.target.remove(input, 1)
      assert.deepEqual(await stage.target.list('res_web'), [])
      await stage.target.discard(input.release, 1, { retained: [], volumes: true })
      assert.deepEqual(await records.list('res_web'), [
        { resourceId: 'res_web', name: input.deploymentId, text: 'text' },
      ])
    }),
  },
]
