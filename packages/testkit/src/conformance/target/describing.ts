import assert from 'node:assert/strict'
import type { Artifact } from '@appaloft/core/spec'
import type { ConformanceCase } from '../suite.js'
import { staged, type TargetFactory } from './stage.js'

const other: Record<string, Artifact> = {
  dockerfile: { kind: 'dockerfile', dockerfilePath: 'Dockerfile', context: '.' },
  'compose-project': { kind: 'compose-project', composeFiles: ['compose.yaml'], services: [] },
  image: { kind: 'image', image: 'nginx' },
  workspace: { kind: 'workspace', installDirectory: '.', workingDirectory: '.' },
  'static-site': { kind: 'static-site', publishDirectory: '.', spaFallback: false },
}

const freeze = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null) {
    Object.freeze(value)
    for (const inner of Object.values(value)) freeze(inner)
  }
  return value
}

export const describingCases: readonly ConformanceCase<TargetFactory>[] = [
  {
    id: 'target.describe.pure',
    title: 'describe is synchronous, leaves the plan alone and gives the same answer each time',
    requires: ['workspace'],
    run: staged(async (stage) => {
      const plan = freeze(stage.plan({ ...stage.samples.server('hello'), build: stage.samples.command(0) }))
      const first = stage.target.describe(plan)
      assert.equal(Object.getPrototypeOf(first), Object.prototype, 'not a plain object (a promise?)')
      assert.deepEqual(stage.target.describe(plan), first)
      assert.deepEqual(JSON.parse(JSON.stringify(first)), first, 'not plain data')
      const ids = first.steps.map((step) => step.id)
      assert.equal(new Set(ids).size, ids.length, `ids of steps occur twice: ${ids}`)
      assert.ok(first.steps.some((step) => step.step === 'start'))
      assert.deepEqual(first.unsupportedReasons, [])
      assert.deepEqual(await stage.target.list(plan.resourceId), [], 'describe started something')
    }),
  },
  {
    id: 'target.describe.unsupported',
    title: 'a plan with an artifact that the target does not run is told to be unsupported',
    requires: [],
    run: staged(async (stage) => {
      const { artifactKinds } = stage.target.capabilities
      const artifact = Object.values(other).find((one) => !artifactKinds.includes(one.kind))
      if (artifact === undefined) return
      const { unsupportedReasons } = stage.target.describe(stage.plan({ artifact, files: {} }))
      assert.deepEqual(
        unsupportedReasons.map((reason) => reason.code),
        ['unsupported-runtime-target'],
      )
    }),
  },
  {
    id: 'target.unknown',
    title: 'what was never started is absent, and to end it is no error',
    requires: [],
    run: staged(async (stage) => {
      const ref = stage.ref(1)
      assert.deepEqual(await stage.target.inspect(ref), { state: 'absent', instances: [] })
      assert.deepEqual(await stage.target.list(ref.resourceId), [])
      assert.deepEqual(await stage.target.reach(ref, 80), { probe: [], upstream: [] })
      assert.deepEqual(await stage.lines(ref), [])
      assert.equal(await stage.target.mark(ref.resourceId), 0)
      await stage.target.stop(ref, 1)
      await stage.target.remove(ref, 1)
    }),
  },
  {
    id: 'target.probe',
    title: 'probe tells what it looked at',
    requires: [],
    run: staged(async (stage) => {
      const report = await stage.target.probe()
      assert.ok(report.checks.length > 0)
      assert.equal(
        report.ok,
        report.checks.every((check) => check.status !== 'failed'),
      )
      for (const check of report.checks) assert.ok(check.id !== '' && check.message !== '')
    }),
  },
]
