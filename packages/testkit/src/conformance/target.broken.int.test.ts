import { spawn } from 'node:child_process'
import { appendFileSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AppaloftError, type ReleaseInput, type Target } from '@appaloft/core/spec'
import { process as processTarget, shutdown } from '@appaloft/target-process'
import { afterEach, describe, expect, it } from 'vitest'
import { fakeProxy, fakeTarget } from '../fakes/index.js'
import { applicable } from './suite.js'
import { nodeSamples, type TargetFactory, targetAbilities, targetConformance } from './target.js'

/** Processes that broken targets leave running. */
const left: number[] = []
afterEach(() => {
  for (const pid of left.splice(0)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {}
  }
})

/** A child that nobody ends, told by its pid as the suite's programs tell theirs. */
const stray = (): number => {
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 30_000)'], { detached: true, stdio: 'ignore' })
  child.unref()
  left.push(child.pid ?? 0)
  return child.pid ?? 0
}

const withPlan = (input: ReleaseInput, change: Partial<ReleaseInput['release']['plan']>): ReleaseInput => ({
  ...input,
  release: { ...input.release, plan: { ...input.release.plan, ...change } },
})

/** As in target.broken.test.ts, for the cases that look at real processes and files. */
const broken: Record<string, (t: Target) => Partial<Target>> = {
  'target.build.command-not-found': (t) => ({
    build: (input) =>
      t.build(input).catch((error: AppaloftError) => {
        throw new AppaloftError('build-failed', { details: error.details })
      }),
  }),
  'target.build.log': (t) => ({
    // both streams are one
    build: (input) => t.build({ ...input, log: (line) => input.log({ ...line, stream: 'stdout' }) }),
  }),
  'target.build.source-untouched': (t) => ({
    build: async (input) => {
      appendFileSync(join(input.sourceDirectory ?? '', 'kept'), 'changed')
      return await t.build(input)
    },
  }),
  'target.build.abort-group': (t) => ({
    // leaves a child of the build behind
    build: (input) => {
      const pid = stray()
      return t.build({
        ...input,
        log: (line) => input.log({ ...line, text: line.text.replace(/^child \d+$/, `child ${pid}`) }),
      })
    },
  }),
  'target.start.failed': (t) => ({ start: (input) => t.start(input).catch(() => undefined) }),
  // a candidate is restarted as if it were live
  'target.crash.candidate': (t) => ({
    start: async (input) => {
      await t.start(input)
      await t.promoted?.(input, null)
    },
  }),
  'target.crash.promoted': () => ({ promoted: async () => undefined }),
  'target.replicas': (t) => ({ start: (input) => t.start(withPlan(input, { replicas: 1 })) }),
  'target.site': (t) => ({
    // serves the source
    build: (input) =>
      t.build({
        ...input,
        plan: { ...input.plan, artifact: { kind: 'static-site', publishDirectory: '.', spaFallback: false } },
      }),
  }),
  'target.site.missing': (t) => ({
    build: (input) => t.build(input).catch(() => ({ artifact: {}, cached: false })),
  }),
  'target.foreign': (t) => ({
    // ends whatever looks alike
    stop: async (ref, token) => {
      await t.stop(ref, token)
      for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
        try {
          const parent = /\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]
          if (Number(parent) === process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('setInterval'))
            process.kill(Number(pid), 'SIGKILL')
        } catch {}
      }
    },
  }),
  'target.stop.group': (t) => {
    const pids = new Map<string, number>()
    return {
      // leaves a child of the release behind
      start: async (input) => {
        await t.start(input)
        pids.set(input.deploymentId, stray())
      },
      logs: async function* (ref, options) {
        for await (const line of t.logs(ref, options))
          yield { ...line, text: line.text.replace(/^child \d+$/, `child ${pids.get(ref.deploymentId)}`) }
      },
    }
  },
  'target.stop.promoted': (t) => ({
    stop: async (ref, token) => {
      await t.stop(ref, token)
      await t.restart(ref, token)
    },
  }),
  'target.volumes': (t) => ({
    build: (input) => t.build({ ...input, noCache: true }),
    start: (input) => t.start(withPlan(input, { volumes: [] })),
  }),
  'target.run.abort': (t) => ({
    run: (input, command) => {
      const pid = stray()
      return t.run(
        { ...input, log: (line) => input.log({ ...line, text: line.text.replace(/^child \d+$/, `child ${pid}`) }) },
        command,
      )
    },
  }),
  // compares only at its beginning
  'target.fence.build': (t) => ({
    build: (input) =>
      t.build(input).catch(async () => {
        const token = await t.mark(input.resourceId)
        return await t.build({ ...input, token })
      }),
  }),
}

const factory = (change: (t: Target) => Partial<Target>): TargetFactory => ({
  samples: nodeSamples,
  patienceMs: 1_500,
  create: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'appaloft-broken-'))
    const stateDir = join(folder, 'state')
    const again = async () => {
      const sound = processTarget({ proxy: fakeProxy() })
      await sound.open?.({ stateDir })
      return { ...sound, ...change(sound) }
    }
    return {
      target: await again(),
      again,
      close: async () => {
        await shutdown(stateDir, { force: true })
        await rm(folder, { recursive: true, force: true, maxRetries: 10 })
      },
    }
  },
})

describe('each case that looks at real processes and files notices a target that breaks its promise', () => {
  const elsewhere = new Set(applicable(targetConformance, targetAbilities(fakeTarget())).run.map((one) => one.id))
  for (const one of targetConformance.filter(({ id }) => !elsewhere.has(id)))
    it(one.id, async () => {
      const change = broken[one.id]
      expect(change, 'there is no broken target for this case').toBeDefined()
      if (change !== undefined) await expect(one.run(factory(change))).rejects.toThrow()
    })

  it('knows no case that is gone', () => {
    const ids = new Set(targetConformance.map((one) => one.id))
    expect(Object.keys(broken).filter((id) => !ids.has(id) || elsewhere.has(id))).toEqual([])
  })
})
