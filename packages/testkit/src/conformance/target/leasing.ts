import assert from 'node:assert/strict'
import type { TargetLease } from '@appaloft/core/spec'
import type { ConformanceCase } from '../suite.js'
import { refused, type Stage, staged, type TargetFactory } from './stage.js'

const requires = ['fencing:compare', 'lease']

/** Of the machine as one engine reaches it, and as another one does. */
async function leases(stage: Stage): Promise<[own: TargetLease, other: TargetLease]> {
  const { lease: own } = stage.target
  const { lease: other } = await stage.machine.again()
  assert.ok(own && other)
  return [own, other]
}

export const leasingCases: readonly ConformanceCase<TargetFactory>[] = [
  {
    id: 'target.lease.raise',
    title: 'whoever raises the fence holds the lease, and every engine reads who it is',
    requires,
    run: staged(async (stage) => {
      const [own, other] = await leases(stage)
      assert.equal(await own.read('res_web'), null)
      await stage.target.fence('res_web', 5, { expected: 0, owner: 'dep_a' })
      const { token, owner, held, wanted } = (await other.read('res_web')) ?? {}
      assert.deepEqual({ token, owner, held, wanted }, { token: 5, owner: 'dep_a', held: true, wanted: null })
      assert.equal(await own.read('res_other'), null)
    }),
  },
  {
    id: 'target.lease.beat',
    title: 'each beat of the holder is seen by others, and nothing else moves the counter',
    requires,
    run: staged(async (stage) => {
      const [own, other] = await leases(stage)
      await stage.target.fence('res_web', 5, { expected: 0, owner: 'dep_a' })
      let beats = (await other.read('res_web'))?.beats ?? 0
      for (let i = 0; i < 3; i++) {
        await own.beat('res_web', 5)
        const seen = (await other.read('res_web'))?.beats ?? 0
        assert.ok(seen > beats, `${seen} beats after ${beats}`)
        beats = seen
      }
      await other.ask('res_web', 5, 'dep_b')
      assert.equal((await other.read('res_web'))?.beats, beats)
    }),
  },
  {
    id: 'target.lease.ask',
    title: 'the holder hears at its next beat who asks for its lease, and others who asked first',
    requires,
    run: staged(async (stage) => {
      const [own, other] = await leases(stage)
      await stage.target.fence('res_web', 5, { expected: 0, owner: 'dep_a' })
      assert.deepEqual(await own.beat('res_web', 5), { wanted: null })
      await other.ask('res_web', 4, 'dep_late')
      assert.deepEqual(await own.beat('res_web', 5), { wanted: null })
      await other.ask('res_web', 5, 'dep_b')
      await other.ask('res_web', 5, 'dep_c')
      assert.deepEqual(await own.beat('res_web', 5), { wanted: 'dep_b' })
      const { held, wanted } = (await other.read('res_web')) ?? {}
      assert.deepEqual({ held, wanted }, { held: true, wanted: 'dep_b' })
    }),
  },
  {
    id: 'target.lease.release',
    title: 'a lease that was given back is held by nobody, and the fence stays',
    requires,
    run: staged(async (stage) => {
      const [own, other] = await leases(stage)
      await stage.target.fence('res_web', 5, { expected: 0, owner: 'dep_a' })
      await own.beat('res_web', 5)
      await own.release('res_web', 5)
      await own.release('res_web', 5)
      const { token, owner, held } = (await other.read('res_web')) ?? {}
      assert.deepEqual({ token, owner, held }, { token: 5, owner: 'dep_a', held: false })
      assert.equal(await stage.target.mark('res_web'), 5)
      await own.beat('res_web', 5)
      assert.equal((await other.read('res_web'))?.held, false)
    }),
  },
  {
    id: 'target.lease.taken',
    title: 'a higher fence takes the lease: a former holder learns it at its next beat, and can no longer give it back',
    requires,
    run: staged(async (stage) => {
      const [own, other] = await leases(stage)
      await stage.target.fence('res_web', 5, { expected: 0, owner: 'dep_a' })
      await own.beat('res_web', 5)
      await other.ask('res_web', 5, 'dep_b')
      await (await stage.machine.again()).fence('res_web', 7, { expected: 5, owner: 'dep_b' })
      await refused(() => own.beat('res_web', 5), 'fenced')
      await own.release('res_web', 5)
      await other.ask('res_web', 5, 'dep_c')
      const { token, owner, held, wanted } = (await other.read('res_web')) ?? {}
      assert.deepEqual({ token, owner, held, wanted }, { token: 7, owner: 'dep_b', held: true, wanted: null })
      assert.deepEqual(await other.beat('res_web', 7), { wanted: null })
    }),
  },
]
