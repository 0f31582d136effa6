import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ConformanceCase } from '../suite.js'
import { collected, processLives, refused, staged, type TargetFactory } from './stage.js'

const usual = /^(PATH|HOME|LANG|TZ|TMPDIR|HOSTNAME|(NODE|YARN)_VERSION)$/
/** What a build needs to fetch through a proxy, and to trust one that looks into what it passes on. */
const wayOut = /^((HTTPS?|NO|ALL)_PROXY|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR))$/i

export const buildingCases: readonly ConformanceCase<TargetFactory>[] = [
  {
    id: 'target.build.once',
    title: 'the same inputs are built once, other inputs again',
    requires: ['workspace'],
    run: staged(async (stage) => {
      const app = { ...stage.samples.server('hello'), build: stage.samples.command(0, 'building') }
      const built = async (inputsDigest: string) => {
        const { lines, log } = collected()
        const result = await stage.build(app, { inputsDigest, log })
        return { ...result, ran: lines.some((line) => line.text === 'building') }
      }
      const first = await built('a')
      assert.deepEqual([first.cached, first.ran], [false, true])
      assert.deepEqual(await built('a'), { artifact: first.artifact, cached: true, ran: false })
      const other = await built('b')
      assert.deepEqual([other.cached, other.ran], [false, true])
      assert.notDeepEqual(other.artifact, first.artifact)
    }),
  },
  {
    id: 'target.build.no-cache',
    title: 'noCache builds anew, and what was built before still runs',
    requires: ['workspace'],
    run: staged(async (stage) => {
      const app = { ...stage.samples.server('hello'), build: stage.samples.command(0, 'building') }
      const plan = stage.plan(app)
      const first = await stage.build(app)
      const { lines, log } = collected()
      const second = await stage.build(app, { noCache: true, log })
      assert.equal(second.cached, false)
      assert.deepEqual(
        lines.filter(({ progress }) => progress === undefined).map((line) => line.text),
        ['building'],
      )
      for (const [number, built] of [
        [1, first],
        [2, second],
      ] as const) {
        const input = await stage.uploaded(number, plan, built)
        await stage.target.start(input)
        assert.equal((await stage.answers(input)).body, 'hello')
      }
    }),
  },
  {
    id: 'target.build.foretold',
    title: 'a build that was told of ahead changes nothing before it comes, and finds what is there after its fence',
    requires: ['workspace', 'fencing:compare'],
    run: staged(async (stage) => {
      const { target } = stage
      const app = stage.samples.server('hello')
      const foretold = async (number: number, token: number, expected: number) => {
        const input = await stage.buildInput(app, { ...stage.ref(number), token })
        const { token: _token, sourceDirectory: _source, log: _log, ...coming } = input
        target.prepare?.(coming, release)
        assert.equal(await target.mark('res_web'), expected)
        assert.deepEqual(await target.list('res_web'), [])
        return input
      }
      const { release } = stage.releaseInput(1, stage.plan(app), await stage.build(app))
      const second = await foretold(2, 3, 0)
      await target.fence('res_web', 3, { expected: 0, owner: 'dep_a' })
      const built = await target.build(second)
      assert.deepEqual([built.cached, built.artifact], [true, release.artifact])
      // Its former holder takes away what was built, just before the next one comes.
      const third = await foretold(3, 5, 3)
      await (await stage.machine.again()).discard(release, 3, { retained: [] })
      await target.fence('res_web', 5, { expected: 3, owner: 'dep_b' })
      await refused(() => target.build({ ...third, token: 4 }), 'fenced')
      assert.equal((await target.build(third)).cached, false)
    }),
  },
  {
    id: 'target.build.failure',
    title: 'a command that fails ends the build with its code, its exit code and its last lines',
    requires: ['workspace'],
    run: staged(async (stage) => {
      const good = stage.samples.command(0, 'fine')
      const bad = stage.samples.command(3, 'oops')
      for (const [field, code] of [
        ['install', 'install-failed'],
        ['build', 'build-failed'],
      ] as const) {
        const app = { ...stage.samples.server('hello'), install: good, build: good, [field]: bad }
        const error = await refused(() => stage.build(app), code)
        assert.equal(error.details.exitCode, 3)
        assert.deepEqual(error.details.lastLogs, ['oops'])
      }
    }),
  },
  {
    id: 'target.build.failure-forgotten',
    title: 'what failed to build is built again',
    requires: ['workspace'],
    run: staged(async (stage) => {
      const app = { ...stage.samples.server('hello'), build: stage.samples.command(1) }
      await refused(() => stage.build(app, { inputsDigest: 'same' }), 'build-failed')
      const mended = { ...app, build: stage.samples.command(0) }
      assert.equal((await stage.build(mended, { inputsDigest: 'same' })).cached, false)
    }),
  },
  {
    id: 'target.build.command-not-found',
    title: 'a tool that the machine lacks is named, in an argv and in a shell’s text',
    requires: ['workspace', 'processes'],
    run: staged(async (stage) => {
      const { missing } = stage.samples
      for (const build of [[missing, '--version'], `${missing} --version`]) {
        const app = { ...stage.samples.server('hello'), build }
        const error = await refused(() => stage.build(app), 'command-not-found')
        assert.match(error.message, new RegExp(missing))
      }
    }),
  },
  {
    id: 'target.build.log',
    title: 'output comes line by line with its stream, and a long line does not grow without bound',
    requires: ['workspace', 'processes'],
    run: staged(async (stage) => {
      const { lines, log } = collected()
      const script =
        "console.log('out'); console.error('err'); console.log('x'.repeat(1e6)); process.stdout.write('end')"
      await stage.build({ ...stage.samples.server('hello'), build: ['node', '-e', script] }, { log })
      const of = (stream: string) => lines.filter((line) => line.stream === stream).map((line) => line.text)
      assert.deepEqual(of('stderr'), ['err'])
      const [first, long = '', last] = of('stdout')
      assert.deepEqual([first, last], ['out', 'end'])
      assert.ok(long.length >= 1_000 && long.length <= 16 * 1024, `${long.length} characters`)
    }),
  },
  {
    id: 'target.build.source-untouched',
    title: 'a build changes nothing in the source that it was given',
    requires: ['workspace', 'processes'],
    run: staged(async (stage) => {
      const script =
        "require('node:fs').writeFileSync('made', ''); require('node:fs').appendFileSync('kept', 'changed')"
      const app = { ...stage.samples.server('hello'), build: ['node', '-e', script] }
      const files = { ...app.files, kept: 'kept' }
      const sourceDirectory = await stage.source({ ...app, files })
      await stage.build(app, { sourceDirectory })
      assert.deepEqual((await readdir(sourceDirectory)).sort(), Object.keys(files).sort())
      assert.equal(await readFile(join(sourceDirectory, 'kept'), 'utf8'), 'kept')
    }),
  },
  {
    id: 'target.build.environment',
    title: 'a build sees the variables that it was given, and nothing of the engine’s',
    requires: ['workspace'],
    run: staged(async (stage) => {
      process.env.APPALOFT_TEST_CANARY = 'leaked'
      const { lines, log } = collected()
      const build = stage.samples.environment('GIVEN', 'APPALOFT_TEST_CANARY')
      await stage.build({ ...stage.samples.server('hello'), build }, { environment: { GIVEN: 'yes' }, log })
      const texts = lines.map((line) => line.text)
      assert.ok(texts.includes('GIVEN=yes'), texts.join('\n'))
      assert.ok(texts.includes('APPALOFT_TEST_CANARY='), texts.join('\n'))
      const names =
        texts
          .find((text) => text.startsWith('names='))
          ?.slice(6)
          .split(',') ?? []
      const strange = names.filter((name) => name !== 'GIVEN' && !usual.test(name) && !wayOut.test(name))
      assert.deepEqual(strange, [])
    }),
  },
  {
    id: 'target.build.abort',
    title: 'an aborted build ends at once with the signal’s reason, and is not kept',
    requires: ['workspace'],
    run: staged(async (stage) => {
      const app = { ...stage.samples.server('hello'), build: stage.samples.hanging() }
      const aborting = new AbortController()
      const reason = new Error('no longer wanted')
      const began = performance.now()
      const log = () => aborting.abort(reason)
      await assert.rejects(
        () => stage.build(app, { signal: aborting.signal, inputsDigest: 'same', log }),
        (error) => error === reason,
      )
      assert.ok(performance.now() - began < 20_000, 'the abort waited for the build')
      const quick = { ...app, build: stage.samples.command(0) }
      assert.equal((await stage.build(quick, { inputsDigest: 'same' })).cached, false)
    }),
  },
  {
    id: 'target.build.abort-group',
    title: 'an aborted build leaves no process, grandchildren included',
    requires: ['workspace', 'processes'],
    run: staged(async (stage) => {
      const aborting = new AbortController()
      let child = 0
      const building = stage.build(
        { ...stage.samples.server('hello'), build: stage.samples.hanging() },
        {
          signal: aborting.signal,
          log: (line) => {
            child = Number(/^child (\d+)$/.exec(line.text)?.[1] ?? child)
          },
        },
      )
      const ended = assert.rejects(building)
      await stage.until('the child', async () => (child > 0 ? true : null))
      assert.ok(await processLives(child))
      aborting.abort(new Error('no longer wanted'))
      await ended
      assert.equal(await processLives(child), false, 'the grandchild lives on')
    }),
  },
]
