import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Deployment, DeploymentEvent } from '@appaloft/core/spec'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundle } from '../test/bundle.js'
import { compose, type Definition, place, quickServer, urlOf, users } from '../test/live.js'

const soak = process.env.APPALOFT_SOAK === '1'
const randomInstants = soak ? 300 : 8
/** Durable writes from the health check of a sick release to its end, and a few before. */
const rollbackWrites = 9
const seed = Number(process.env.APPALOFT_SEED ?? Math.floor(Math.random() * 2 ** 31))

const { folder, path, stateDir, end } = place(quickServer)
let programs: Awaited<ReturnType<typeof bundle>>
let url = ''
let live = ''
const recoveries: number[] = []

const definition = (mode: string, version: string): Definition => ({
  id: 'res_dies',
  source: { kind: 'local-folder', path },
  network: { drainSeconds: 1 },
  access: { hostnames: ['localhost', 'sour.localhost'] },
  health: { expectedStatus: 200, startPeriodSeconds: 2, retries: 1, intervalSeconds: 0.1 },
  environment: { MODE: { value: mode }, VERSION: { value: version } },
})

beforeAll(async () => {
  programs = await bundle({ engine: 'cli/test/dying-engine.ts' })
  const { appaloft } = compose(stateDir)
  const first = await (await appaloft.deployments.create({ resource: definition('good', 'first') })).done
  await appaloft.close()
  url = urlOf(first)
  live = first.id
})
afterAll(async () => {
  const sorted = recoveries.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)]?.toFixed(0)
  console.log(`${sorted.length} recoveries: median ${at(0.5)} ms, longest ${at(1)} ms after the next start`)
  await end()
  programs.end()
})

async function engine(mode: string, moment: string): Promise<{ killed: boolean; writes: number }> {
  const argv = [join(programs.folder, 'engine.js'), stateDir, JSON.stringify(definition(mode, moment)), moment]
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  const [, signal] = await once(child, 'close')
  return { killed: signal === 'SIGKILL', writes: Number(out) }
}

/** The deployments to which the processes of the resource belong, whoever their parent is by now. */
function serving(): (string | undefined)[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return []
    try {
      const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
      const ours =
        variables.includes('APPALOFT_RESOURCE_ID=res_dies') && readlinkSync(`/proc/${pid}/cwd`).includes(folder)
      if (!ours) return []
      return [variables.find((one) => one.startsWith('APPALOFT_DEPLOYMENT_ID='))?.split('=')[1]]
    } catch {
      return []
    }
  })
}

/** What began has its end, and the last event is the last. */
function whole(events: DeploymentEvent[]): void {
  expect(events.map((one) => one.sequence)).toEqual(events.map((_, i) => i + 1))
  expect(events.at(-1)?.type).toBe('deployment-finished')
  const open = new Map<string, number>()
  for (const { type, step, phase } of events) {
    const [what, how] = type.split('-') as [string, string]
    if (what !== 'step' && what !== 'phase') continue
    const name = `${what} ${what === 'step' ? step : phase}`
    open.set(name, (open.get(name) ?? 0) + (how === 'started' ? 1 : -1))
  }
  expect([...open].filter(([, count]) => count !== 0)).toEqual([])
}

/** The next engine tells the truth about what the killed one left, and only one release is left. */
async function recovered(before: string | undefined): Promise<Deployment | undefined> {
  const started = performance.now()
  const { appaloft, target } = compose(stateDir)
  try {
    const [attempt] = (await appaloft.deployments.list({ resourceId: 'res_dies', limit: 1 })).items
    recoveries.push(performance.now() - started)
    const { desired, drift } = await appaloft.resources.status('res_dies')
    if (attempt === undefined || attempt.id === before) return undefined
    if (desired !== null) live = desired.deploymentId
    expect(drift).toEqual([])
    expect(['succeeded', 'failed', 'interrupted']).toContain(attempt.status)
    // Served by the attempt, or not at all by it: as its status says.
    const answer = await fetch(url)
    expect(answer.headers.get('x-appaloft-deployment')).toBe(live)
    expect(attempt.status === 'succeeded').toBe(live === attempt.id)
    expect((await target.list('res_dies')).map((one) => one.deploymentId)).toEqual([live])
    expect(new Set(serving())).toEqual(new Set([live]))
    const events: DeploymentEvent[] = []
    for await (const envelope of appaloft.deployments.events(attempt.id))
      if (envelope.kind === 'event') events.push(envelope.event)
    whole(events)
    return attempt
  } finally {
    await appaloft.close()
  }
}

const latest = async () => {
  const { appaloft } = compose(stateDir)
  const [attempt] = (await appaloft.deployments.list({ resourceId: 'res_dies', limit: 1 })).items
  await appaloft.close()
  return attempt?.id
}

async function killedAt(mode: string, moments: string[]): Promise<Record<string, number>> {
  const ends: Record<string, number> = {}
  const clients = users(url, 2, 2)
  try {
    for (const moment of moments) {
      const before = await latest()
      const { killed } = await engine(mode, moment)
      const attempt = await recovered(before).catch((error) => {
        throw new Error(`killed at ${moment} (${mode}): ${error.message}`, { cause: error })
      })
      const end = `${attempt?.status ?? 'nothing recorded'}${killed ? '' : ' (not killed)'}`
      ends[end] = (ends[end] ?? 0) + 1
      expect(clients.failures, moment).toEqual([])
    }
  } finally {
    await clients.stop()
  }
  console.log(`${mode}: ${moments.length} moments, ${JSON.stringify(ends)}; ${clients.total()} answers, 0 failed`)
  return ends
}

it.each([
  { mode: 'good', what: 'good' },
  { mode: 'sick', what: 'sick' },
  { mode: 'sours', what: 'found to be sick after its promotion' },
])('an engine killed at every journal boundary of a release that is $what', { timeout: 900_000 }, async ({ mode }) => {
  const { writes } = await engine(mode, 'never')
  await recovered(undefined)
  expect(writes).toBeGreaterThan(10)
  const all = Array.from({ length: writes }, (_, i) => [`before:${i + 1}`, `after:${i + 1}`]).flat()
  // Up to its verification a sick release is killed as a good one is.
  const rolledBack = all.slice(-2 * rollbackWrites)
  // Each release that turns out sick so late takes the patience of the access check twice.
  const moments = mode === 'good' || soak ? all : mode === 'sick' ? rolledBack : rolledBack.filter((_, i) => i % 2)
  const ends = await killedAt(mode, moments)
  if (mode !== 'sours' || soak) expect(ends.interrupted).toBeGreaterThan(2)
  expect(ends[mode === 'good' ? 'succeeded' : 'failed']).toBeGreaterThan(2)
})

it(`an engine killed at ${randomInstants} random instants`, { timeout: 3_600_000 }, async () => {
  console.log(`seed ${seed} (APPALOFT_SEED repeats it)`)
  let state = seed
  const random = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return state / 2 ** 31
  }
  // From the start of the process to well after the end of an attempt.
  const moments = Array.from({ length: randomInstants }, () => `ms:${Math.floor(150 + random() * 1200)}`)
  await killedAt('good', moments)
})
