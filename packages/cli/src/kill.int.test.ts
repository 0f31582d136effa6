import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isTerminal } from '@appaloft/core/spec'
import { sqlite } from '@appaloft/store-sqlite'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundle } from '../test/bundle.js'
import { compose, type Definition, place, quickServer, urlOf, users } from '../test/live.js'
import { program } from '../test/program.js'

const cli = program()
const { folder, path, stateDir, end } = place(quickServer)
const pidFile = join(folder, 'build.pid')

/** Writes its pid down, says so, and goes on for a minute. */
const longBuild = `require('fs').writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)); console.log('building'); setTimeout(() => {}, 60000)`
const definition = (moment: string, mode = 'good'): Definition => ({
  id: 'res_killed',
  source: { kind: 'local-folder', path },
  ...(moment === 'log/build' ? { runtime: { buildCommand: ['node', '-e', longBuild] } } : {}),
  network: { drainSeconds: 1 },
  health: {
    path: '/',
    expectedStatus: 200,
    retries: 1,
    startPeriodSeconds: mode === 'good' ? 5 : 1,
    intervalSeconds: 0.2,
  },
  environment: { MODE: { value: mode } },
})
let programs: Awaited<ReturnType<typeof bundle>>
let url = ''
let live = ''
/** Whoever was live at some time. */
const everLive = new Set<string>()

beforeAll(async () => {
  programs = await bundle({ engine: 'cli/test/engine.ts' })
  const { appaloft } = compose(stateDir)
  const first = await (await appaloft.deployments.create({ resource: definition('first') })).done
  await appaloft.close()
  url = urlOf(first)
  live = first.id
  everLive.add(live)
})
afterAll(async () => {
  await end()
  programs.end()
})

const command = async (...args: string[]) => {
  const finished = await cli.run([...args, '--json'], { env: { APPALOFT_STATE_DIR: stateDir } })
  expect(finished.code, finished.stdout + finished.stderr).toBe(0)
  return finished.documents()
}

/** The newest attempt, as the store has it: no engine looks, so none mends anything. */
async function stored() {
  const store = sqlite({ path: join(stateDir, 'appaloft.db') })
  try {
    const [newest] = await store.listDeployments({ limit: 1 })
    return newest
  } finally {
    await store.close()
  }
}

/** Neither gone nor a zombie. */
const lives = (pid: number) => {
  const file = `/proc/${pid}/stat`
  return existsSync(file) && !/\) [ZX] /.test(readFileSync(file, 'utf8'))
}

const restored = { failure: { code: 'health-status-unexpected' }, rollback: { outcome: 'restored' } }
it.each([
  ['phase-started/detect', 'interrupted', 'good', {}],
  ['phase-started/plan', 'interrupted', 'good', {}],
  ['step-started/build', 'interrupted', 'good', {}],
  ['log/build', 'interrupted', 'good', {}],
  ['step-started/start', 'interrupted', 'good', {}],
  ['step-started/route', 'interrupted', 'good', {}],
  ['check-observed/health', 'interrupted', 'good', {}],
  ['step-started/promote', 'interrupted', 'good', {}],
  ['swapped', 'succeeded', 'good', {}],
  ['traffic-promoted', 'succeeded', 'good', {}],
  ['step-started/drain', 'succeeded', 'good', {}],
  ['phase-started/rollback', 'failed', 'sick', restored],
] as const)(
  'an engine killed at %s: the next command ends the attempt as %s (%s)',
  async (moment, status, mode, more) => {
    const clients = users(url, 1, 1)
    try {
      const argv = [join(programs.folder, 'engine.js'), stateDir, JSON.stringify(definition(moment, mode)), moment]
      const child = spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'inherit'] })
      const [, signal] = await once(child, 'exit')
      expect(signal).toBe('SIGKILL')
      const left = await stored()
      expect(left?.id).not.toBe(live)
      expect(isTerminal(left?.status ?? 'succeeded')).toBe(false)

      // A plan looks at nothing but the source.
      await command('plan', path)
      expect(await stored()).toEqual(left)

      const [listed] = await command('deployments', 'list', '--limit', '1')
      const { deployment } = listed as { deployment: Record<string, unknown> }
      expect(deployment).toMatchObject({ id: left?.id, status, recoveredBy: expect.stringMatching(/./), ...more })
      if (status === 'succeeded') live = String(deployment.id)
      expect((await fetch(url)).headers.get('x-appaloft-deployment')).toBe(live)
      const { appaloft, target } = compose(stateDir)
      try {
        expect(await appaloft.reconcile()).toEqual({ ended: [], removed: [], routed: [], problems: [] })
        expect(new Set((await target.list('res_killed')).map((one) => one.deploymentId))).toEqual(new Set([live]))
      } finally {
        await appaloft.close()
      }
      if (moment === 'log/build') expect(lives(Number(readFileSync(pidFile, 'utf8')))).toBe(false)
    } finally {
      await clients.stop()
    }
    expect(clients.failures).toEqual([])
    expect(clients.total()).toBeGreaterThan(0)
    everLive.add(live)
    for (const by of clients.by()) expect(everLive).toContain(by)
    console.log(`${moment}: ${clients.total()} answers, 0 failed`)
  },
)
