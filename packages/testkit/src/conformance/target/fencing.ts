import assert from 'node:assert/strict'
import type { ConformanceCase } from '../suite.js'
import { refused, staged, type TargetFactory } from './stage.js'

const requires = ['fencing:compare']

export const fencingCases: readonly ConformanceCase<TargetFactory>[] = [
  {
    id: 'target.fence.raise',
    title: 'a raised fence is read by everyone, and lies on one resource alone',
    requires,
    run: staged(async (stage) => {
      await stage.target.fence('res_web', 5, { expected: 0, owner: 'dep_a' })
      assert.equal(await stage.target.mark('res_web'), 5)
      assert.equal(await (await stage.machine.again()).mark('res_web'), 5)
      assert.equal(await stage.target.mark('res_other'), 0)
    }),
  },
  {
    id: 'target.fence.compare',
    title: 'a fence is raised from what was read, by one of several, and never lowered',
    requires,
    run: staged(async (stage) => {
      const other = await stage.machine.again()
      const racing = await Promise.allSettled([
        stage.target.fence('res_web', 5, { expected: 0, owner: 'dep_a' }),
        other.fence('res_web', 5, { expected: 0, owner: 'dep_b' }),
        other.fence('res_web', 6, { expected: 0, owner: 'dep_c' }),
      ])
      assert.equal(racing.filter((one) => one.status === 'fulfilled').length, 1)
      const mark = await stage.target.mark('res_web')
      await refused(() => stage.target.fence('res_web', 9, { expected: 0, owner: 'dep_d' }), 'fenced')
      await refused(() => stage.target.fence('res_web', mark - 1, { expected: mark, owner: 'dep_d' }), 'fenced')
      await refused(() => stage.target.fence('res_web', mark, { expected: mark, owner: 'dep_d' }), 'fenced')
      assert.equal(await stage.target.mark('res_web'), mark)
      await other.fence('res_web', 9, { expected: mark, owner: 'dep_d' })
      assert.equal(await stage.target.mark('res_web'), 9)
    }),
  },
  {
    id: 'target.fence.idempotent',
    title: 'the same call by the same owner succeeds again',
    requires,
    run: staged(async (stage) => {
      const options = { expected: 0, owner: 'dep_a' }
      await stage.target.fence('res_web', 5, options)
      await stage.target.fence('res_web', 5, options)
      await refused(() => stage.target.fence('res_web', 5, { expected: 0, owner: 'dep_b' }), 'fenced')
    }),
  },
  {
    id: 'target.fence.effects',
    title: 'every effect below the fence is refused and does nothing; those at it and above pass',
    requires: [...requires, 'workspace', 'exposure:proxy'],
    run: staged(async (stage) => {
      const app = stage.samples.server('hello')
      const input = await stage.deploy(app, { input: { token: 3 } })
      const { address } = await stage.answers(input)
      await stage.target.fence('res_web', 5, { expected: 0, owner: 'dep_b' })
      const late = { ...input, ...stage.ref(2) }
      const { target } = stage
      const effects = {
        build: () => stage.build(app, { token: 4, noCache: true }),
        upload: () => target.upload({ ...late, token: 4 }),
        run: () => target.run({ ...late, token: 4 }, stage.samples.command(0)),
        start: () => target.start({ ...late, token: 4 }),
        promoted: async () => await target.promoted?.({ ...input, token: 4 }, null),
        stop: () => target.stop(input, 4),
        restart: () => target.restart(input, 4),
        remove: () => target.remove(input, 4),
        discard: () => target.discard(input.release, 4, { retained: [] }),
      }
      for (const [name, act] of Object.entries(effects)) {
        if (name === 'promoted' && target.promoted === undefined) continue
        await refused(act, 'fenced').catch((error: unknown) => {
          throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`)
        })
      }
      assert.deepEqual(await target.list('res_web'), [{ ...stage.ref(1), state: 'running' }])
      assert.deepEqual((await stage.answers(input)).address, address)
      await target.start({ ...late, token: 5 })
      assert.equal((await stage.answers(late)).body, 'hello')
      await target.stop(input, 6)
      await target.remove(input, 5)
      assert.deepEqual(await target.list('res_web'), [{ ...stage.ref(2), state: 'running' }])
    }),
  },
  {
    id: 'target.fence.build',
    title: 'a build that was overtaken while it ran is not kept',
    requires: [...requires, 'workspace', 'processes'],
    run: staged(async (stage) => {
      const app = {
        ...stage.samples.server('hello'),
        build: ['node', '-e', "console.log('on');setTimeout(() => {}, 600)"],
      }
      let raised: Promise<void> | undefined
      const log = () => {
        raised ??= stage.target.fence('res_web', 5, { expected: 0, owner: 'dep_b' })
      }
      await refused(() => stage.build(app, { token: 1, log, inputsDigest: 'same' }), 'fenced')
      await raised
      assert.equal((await stage.build(app, { token: 5, inputsDigest: 'same' })).cached, false)
    }),
  },
]
