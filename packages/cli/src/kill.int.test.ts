import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { compose, type Definition, place, quickServer, urlOf, users } from '../test/live.js'

const packages = resolve(import.meta.dirname, '../..')
// Below the repository, so that dependencies which cannot be bundled are found from there.
const cache = join(packages, '../.cache')
const { path, stateDir, end } = place(quickServer)
const definition = (version: string): Definition => ({
  id: 'res_killed',
  source: { kind: 'local-folder', path },
  network: { drainSeconds: 1 },
  health: { startPeriodSeconds: 5, intervalSeconds: 0.2 },
  environment: { VERSION: { value: version } },
})
let built = ''
let url = ''
let live = ''

beforeAll(async () => {
  mkdirSync(cache, { recursive: true })
  built = mkdtempSync(join(cache, 'kill-test-'))
  await build({
    entryPoints: {
      engine: join(packages, 'cli/test/engine.ts'),
      keeper: join(packages, 'target-process/src/keeper/main.ts'),
    },
    outdir: built,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    conditions: ['@appaloft/source'],
    banner: { js: "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);" },
    external: ['libsql', 'jiti', 'esbuild'],
    logLevel: 'silent',
  })
  const { appaloft } = compose(stateDir)
  const first = await (await appaloft.deployments.create({ resource: definition('first') })).done
  await appaloft.close()
  url = urlOf(first)
  live = first.id
})
afterAll(async () => {
  await end()
  rmSync(built, { recursive: true, force: true })
})

it.each([
  ['phase-started/detect', 'interrupted'],
  ['phase-started/plan', 'interrupted'],
  ['step-started/build', 'interrupted'],
  ['step-started/start', 'interrupted'],
  ['step-started/route', 'interrupted'],
  ['check-observed/health', 'interrupted'],
  ['step-started/promote', 'interrupted'],
  ['traffic-promoted', 'succeeded'],
  ['step-started/drain', 'succeeded'],
] as const)('an engine killed at %s: the next one ends the attempt as %s', async (moment, status) => {
  const clients = users(url, 1, 1)
  try {
    const argv = [join(built, 'engine.js'), stateDir, JSON.stringify(definition(moment)), moment]
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'inherit'] })
    const [, signal] = await once(child, 'exit')
    expect(signal).toBe('SIGKILL')
    const { appaloft, target } = compose(stateDir)
    try {
      const report = await appaloft.reconcile()
      expect(report.problems).toEqual([])
      const [attempt] = (await appaloft.deployments.list({ resourceId: 'res_killed', limit: 1 })).items
      expect(attempt?.id).not.toBe(live)
      expect(attempt).toMatchObject({ status, recoveredBy: expect.stringMatching(/./) })
      if (status === 'succeeded') live = attempt?.id ?? ''
      const answer = await fetch(url)
      expect(answer.headers.get('x-appaloft-deployment')).toBe(live)
      expect(new Set((await target.list('res_killed')).map((one) => one.deploymentId))).toEqual(new Set([live]))
    } finally {
      await appaloft.close()
    }
  } finally {
    await clients.stop()
  }
  expect(clients.failures).toEqual([])
  expect(clients.total()).toBeGreaterThan(0)
  console.log(`${moment}: ${clients.total()} answers, 0 failed`)
})
