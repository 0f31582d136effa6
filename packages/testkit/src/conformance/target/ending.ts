import assert from 'node:assert/strict'
import { hasCode } from '@appaloft/core/spec'
import type { ConformanceCase } from '../suite.js'
import { ask, processLives, staged, type TargetFactory } from './stage.js'

export const endingCases: readonly ConformanceCase<TargetFactory>[] = [
  {
    id: 'target.stop.graceful',
    title: 'stop lets the release end by itself, and it stays known',
    requires: ['workspace', 'exposure:proxy'],
    run: staged(async (stage) => {
      const input = await stage.deploy(stage.samples.server('hello'))
      const { address } = await stage.answers(input)
      await stage.target.stop(input, 1)
      await assert.rejects(() => ask(address), 'it still answers')
      const state = await stage.target.inspect(input)
      assert.deepEqual([state.state, state.instances[0]?.exitCode], ['exited', 0])
      assert.deepEqual((await stage.lines(input)).slice(-2), ['listening', 'bye'])
      await stage.target.stop(input, 1)
      assert.equal((await stage.target.list(input.resourceId)).length, 1)
    }),
  },
  {
    id: 'target.stop.forced',
    title: 'what ignores SIGTERM is killed after the grace, and not before',
    requires: ['workspace', 'exposure:proxy'],
    run: staged(async (stage) => {
      const input = await stage.deploy(stage.samples.stubborn())
      const { address } = await stage.answers(input)
      const began = performance.now()
      await stage.target.stop(input, 1, { graceSeconds: 0.5 })
      const took = performance.now() - began
      assert.ok(took >= 490 && took < 8_000, `it took ${took} ms`)
      await assert.rejects(() => ask(address), 'it still answers')
      assert.equal((await stage.target.inspect(input)).state, 'exited')
    }),
  },
  {
    id: 'target.stop.group',
    title: 'children of the release end with it',
    requires: ['workspace', 'exposure:proxy', 'processes'],
    run: staged(async (stage) => {
      const input = await stage.deploy(stage.samples.forking())
      const lines = await stage.printed(input, 'child ')
      await stage.printed(input, 'listening')
      const child = Number(lines.find((line) => line.startsWith('child '))?.slice(6))
      assert.ok(await processLives(child))
      await stage.target.stop(input, 1)
      assert.equal(await processLives(child), false, 'the child lives on')
    }),
  },
  {
    id: 'target.stop.promoted',
    title: 'a promoted release that was stopped stays stopped',
    requires: ['workspace', 'exposure:proxy', 'restarts'],
    run: staged(async (stage) => {
      const input = await stage.deploy(stage.samples.server('hello'))
      await stage.answers(input)
      await stage.target.promoted?.(input, null)
      await stage.target.stop(input, 1)
      await new Promise((resolve) => setTimeout(resolve, 600))
      assert.equal((await stage.target.inspect(input)).state, 'exited')
    }),
  },
  {
    id: 'target.restart',
    title: 'restart brings back what was stopped, and leaves what runs alone',
    requires: ['workspace', 'exposure:proxy'],
    run: staged(async (stage) => {
      const input = await stage.deploy(stage.samples.server('hello'))
      await stage.answers(input)
      await stage.target.stop(input, 1)
      await stage.target.restart(input, 1)
      assert.equal((await stage.answers(input)).body, 'hello')
      const pid = (await stage.target.inspect(input)).instances[0]?.pid
      await stage.target.restart(input, 1)
      assert.equal((await stage.target.inspect(input)).instances[0]?.pid, pid)
      assert.equal((await stage.target.inspect(input)).state, 'running')
    }),
  },
  {
    id: 'target.remove',
    title: 'remove ends and forgets; what was built stays',
    requires: ['workspace', 'exposure:proxy'],
    run: staged(async (stage) => {
      const input = await stage.deploy(stage.samples.server('hello'))
      const { address } = await stage.answers(input)
      await stage.target.remove(input, 1)
      await assert.rejects(() => ask(address), 'it still answers')
      assert.deepEqual(await stage.target.inspect(input), { state: 'absent', instances: [] })
      assert.deepEqual(await stage.target.list(input.resourceId), [])
      await stage.target.remove(input, 1)
      const again = { ...input, deploymentId: stage.ref(2).deploymentId }
      await stage.target.start(again)
      assert.equal((await stage.answers(again)).body, 'hello')
    }),
  },
  {
    id: 'target.again',
    title: 'another target object finds what was started, and can end it',
    requires: ['workspace', 'exposure:proxy'],
    run: staged(async (stage) => {
      const input = await stage.deploy(stage.samples.server('hello'))
      await stage.answers(input)
      await stage.target.close?.()
      const other = await stage.machine.again()
      assert.deepEqual(await other.list(input.resourceId), [{ ...stage.ref(1), state: 'running' }])
      const { body, address } = await stage.answers(input, other)
      assert.equal(body, 'hello')
      await other.remove(input, 1)
      await assert.rejects(() => ask(address), 'it still answers')
    }),
  },
  {
    id: 'target.discard',
    title: 'discard removes what was built, but not what a retained release needs',
    requires: ['workspace', 'exposure:proxy'],
    run: staged(async (stage) => {
      const input = await stage.deploy(stage.samples.server('hello'))
      await stage.answers(input)
      await stage.target.remove(input, 1)
      const sharing = { ...input.release, id: stage.ref(2).releaseId }
      await stage.target.discard(input.release, 1, { retained: [sharing] })
      const second = { ...input, ...stage.ref(2), release: sharing }
      await stage.target.start(second)
      assert.equal((await stage.answers(second)).body, 'hello')
      await stage.target.remove(second, 1)
      await stage.target.discard(sharing, 1, { retained: [] })
      await stage.target.discard(sharing, 1, { retained: [] })
      const built = await stage.build(stage.samples.server('hello'))
      assert.equal(built.cached, false, 'what was discarded is still there')
    }),
  },
  {
    id: 'target.discard.gone',
    title: 'a release whose build was discarded cannot be started, and says so',
    requires: ['workspace', 'exposure:proxy'],
    run: staged(async (stage) => {
      const input = await stage.deploy(stage.samples.server('hello'))
      await stage.target.remove(input, 1)
      await stage.target.discard(input.release, 1, { retained: [] })
      await assert.rejects(
        () => stage.target.start({ ...input, deploymentId: stage.ref(2).deploymentId }),
        (error) => hasCode(error, 'release-not-found', 'start-failed'),
      )
    }),
  },
  {
    id: 'target.volumes',
    title: 'what a release wrote into a volume the next one finds, until the volumes are discarded',
    requires: ['workspace', 'exposure:proxy', 'volumes', 'files'],
    run: staged(async (stage) => {
      const app = stage.samples.remembering('data/log')
      const plan = { volumes: [{ name: 'data', path: 'data' }] }
      const bodyOf = async (number: number) => {
        const input = await stage.deploy(app, { number, plan })
        const { body } = await stage.answers(input)
        await stage.target.remove(input, 1)
        return { body, input }
      }
      assert.equal((await bodyOf(1)).body, 'once\n')
      const { body, input } = await bodyOf(2)
      assert.equal(body, 'once\nonce\n')
      await stage.target.discard(input.release, 1, { retained: [], volumes: true })
      assert.equal((await bodyOf(3)).body, 'once\n')
    }),
  },
  {
    id: 'target.logs.tail',
    title: 'logs gives the lines oldest first, and with a tail the last ones',
    requires: ['workspace', 'exposure:proxy'],
    run: staged(async (stage) => {
      const input = await stage.deploy(stage.samples.talking(30))
      const all = await stage.printed(input, 'line-30')
      const lines = all.filter((line) => line.startsWith('line-'))
      assert.deepEqual(
        lines,
        Array.from({ length: 30 }, (_, at) => `line-${at + 1}`),
      )
      await stage.until('the tail', async () => {
        const last = await stage.lines(input, { tail: 3 })
        return last.length === 3 && last.some((line) => line === 'line-30') ? last : null
      })
      assert.deepEqual(await stage.lines(input, { tail: 0 }), [])
    }),
  },
  {
    id: 'target.logs.follow',
    title: 'following gives what was and what comes, and ends with the release or when aborted',
    requires: ['workspace', 'exposure:proxy'],
    run: staged(async (stage) => {
      const input = await stage.deploy(stage.samples.server('hello'))
      await stage.printed(input, 'listening')
      const aborting = new AbortController()
      for await (const line of stage.target.logs(input, { follow: true, signal: aborting.signal })) {
        if (line.text === 'listening') aborting.abort()
      }
      const seen: string[] = []
      const following = (async () => {
        for await (const line of stage.target.logs(input, { follow: true })) seen.push(line.text)
      })()
      await stage.until('the first line', async () => (seen.includes('listening') ? true : null))
      await stage.target.stop(input, 1)
      await Promise.race([
        following,
        new Promise((_, reject) => setTimeout(() => reject(new Error('following did not end')), 5_000).unref()),
      ])
      assert.deepEqual(seen, ['listening', 'bye'])
    }),
  },
]
