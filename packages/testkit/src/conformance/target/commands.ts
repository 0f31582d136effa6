import assert from 'node:assert/strict'
import type { ConformanceCase } from '../suite.js'
import { collected, processLives, refused, staged, type TargetFactory } from './stage.js'

export const commandCases: readonly ConformanceCase<TargetFactory>[] = [
  {
    id: 'target.run',
    title: 'the release command runs with the environment of the release and without PORT',
    requires: ['workspace'],
    run: staged(async (stage) => {
      process.env.APPALOFT_TEST_CANARY = 'leaked'
      const app = stage.samples.server('hello')
      const { lines, log } = collected()
      const input = await stage.uploaded(1, stage.plan(app), await stage.build(app), {
        environment: { GIVEN: 'yes' },
      })
      const wanted = ['GIVEN', 'APPALOFT_RELEASE_ID', 'PORT', 'APPALOFT_TEST_CANARY']
      const result = await stage.target.run({ ...input, log }, stage.samples.environment(...wanted))
      assert.deepEqual([result.exitCode, result.signal], [0, null])
      const texts = lines.map((line) => line.text)
      assert.deepEqual(texts, result.lastLogs)
      assert.deepEqual(
        texts.filter((text) => !text.startsWith('names=')),
        ['GIVEN=yes', `APPALOFT_RELEASE_ID=${input.releaseId}`, 'PORT=', 'APPALOFT_TEST_CANARY='],
      )
      const names =
        texts
          .find((text) => text.startsWith('names='))
          ?.slice(6)
          .split(',') ?? []
      const strange = names.filter(
        (name) => !/^(PATH|HOME|LANG|TZ|TMPDIR|HOSTNAME|(NODE|YARN)_VERSION|GIVEN|APPALOFT_\w+_ID)$/.test(name),
      )
      assert.deepEqual(strange, [])
      assert.deepEqual(await stage.target.list('res_web'), [])
    }),
  },
  {
    id: 'target.run.failure',
    title: 'a release command that fails is a result with its code and last lines',
    requires: ['workspace'],
    run: staged(async (stage) => {
      const app = stage.samples.server('hello')
      const input = await stage.uploaded(1, stage.plan(app), await stage.build(app))
      const many = Array.from({ length: 60 }, (_, at) => `n${at + 1}`)
      const result = await stage.target.run(input, stage.samples.command(4, ...many))
      assert.equal(result.exitCode, 4)
      assert.deepEqual(result.lastLogs, many.slice(-50))
    }),
  },
  {
    id: 'target.run.abort',
    title: 'an aborted release command ends with its group and the signal’s reason',
    requires: ['workspace', 'processes'],
    run: staged(async (stage) => {
      const app = stage.samples.server('hello')
      const aborting = new AbortController()
      const reason = new Error('no longer wanted')
      const { lines, log } = collected()
      const input = await stage.uploaded(1, stage.plan(app), await stage.build(app), { signal: aborting.signal, log })
      const ended = assert.rejects(
        () => stage.target.run(input, stage.samples.hanging()),
        (error) => error === reason,
      )
      const child = await stage.until('the child', async () => {
        const found = lines.map((line) => /^child (\d+)$/.exec(line.text)?.[1]).find((pid) => pid !== undefined)
        return found === undefined ? null : Number(found)
      })
      aborting.abort(reason)
      await ended
      assert.equal(await processLives(child), false)
    }),
  },
  {
    id: 'target.exec',
    title: 'exec runs inside the release, with its environment, and tells output and exit code',
    requires: ['workspace', 'exposure:proxy', 'exec'],
    run: staged(async (stage) => {
      const input = await stage.deploy(stage.samples.server('hello'), { input: { environment: { GIVEN: 'yes' } } })
      await stage.answers(input)
      const { lines, log } = collected()
      const result = await stage.target.exec(input, stage.samples.environment('GIVEN'), { onLine: log })
      assert.equal(result.exitCode, 0)
      assert.ok(lines.some((line) => line.text === 'GIVEN=yes'))
      const failed = await stage.target.exec(input, stage.samples.command(9, 'inside'))
      assert.deepEqual([failed.exitCode, failed.lastLogs], [9, ['inside']])
      assert.equal((await stage.target.inspect(input)).state, 'running')
    }),
  },
  {
    id: 'target.exec.stopped',
    title: 'exec on what does not run is refused',
    requires: ['workspace', 'exposure:proxy', 'exec'],
    run: staged(async (stage) => {
      await refused(() => stage.target.exec(stage.ref(1), stage.samples.command(0)), 'release-not-found')
      const input = await stage.deploy(stage.samples.server('hello'))
      await stage.target.stop(input, 1)
      await refused(() => stage.target.exec(input, stage.samples.command(0)), 'release-not-found')
    }),
  },
]
