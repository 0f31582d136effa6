import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Deployment, DeploymentEvent, ResourceDefinition } from '@appaloft/core/spec'
import { expect } from 'vitest'
import { bundle } from './bundle.js'
import { type Composition, compose, type Definition, place, quickServer, urlOf, users } from './live.js'

/** Durable writes from the health check of a sick release to its end, and a few before. */
export const rollbackWrites = 9

export interface DyingOptions {
  resourceId: string
  /** What the engine runs on. Default local processes. */
  on?: Composition
  /** Beside the definition that all have. */
  change?: Partial<ResourceDefinition>
  /** The deployments whose releases run, by what the machine itself tells. */
  serving(folder: string): (string | undefined)[]
}

/** Engines that kill themselves at a moment of an attempt, and what the next one makes of it, while users ask without pause. */
export function dyingEngines({ resourceId, on = 'process', change = {}, serving }: DyingOptions) {
  const { folder, path, stateDir, end: endPlace } = place(quickServer)
  let programs: Awaited<ReturnType<typeof bundle>> | undefined
  let url = ''
  let live = ''
  const recoveries: number[] = []

  const definition = (mode: string, version: string): Definition => ({
    id: resourceId,
    source: { kind: 'local-folder', path },
    network: { drainSeconds: 1 },
    access: { hostnames: ['localhost', 'sour.localhost'] },
    health: { expectedStatus: 200, startPeriodSeconds: 2, retries: 1, intervalSeconds: 0.1 },
    environment: { MODE: { value: mode }, VERSION: { value: version } },
    ...change,
  })

  async function open(): Promise<void> {
    programs = await bundle({ engine: 'cli/test/dying-engine.ts' })
    const { appaloft } = compose(stateDir, on)
    const first = await (await appaloft.deployments.create({ resource: definition('good', 'first') })).done
    await appaloft.close()
    url = urlOf(first)
    live = first.id
  }

  async function end(): Promise<void> {
    const sorted = recoveries.toSorted((a, b) => a - b)
    const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)]?.toFixed(0)
    console.log(`${sorted.length} recoveries: median ${at(0.5)} ms, longest ${at(1)} ms after the next start`)
    await endPlace()
    programs?.end()
  }

  async function engine(mode: string, moment: string): Promise<{ killed: boolean; writes: number }> {
    const argv = [
      join(programs?.folder ?? '', 'engine.js'),
      stateDir,
      JSON.stringify(definition(mode, moment)),
      moment,
      on,
    ]
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
    let out = ''
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    const [, signal] = await once(child, 'close')
    return { killed: signal === 'SIGKILL', writes: Number(out) }
  }

  /** The next engine tells the truth about what the killed one left, and only one release is left. */
  async function recovered(before: string | undefined): Promise<Deployment | undefined> {
    const started = performance.now()
    const { appaloft, target } = compose(stateDir, on)
    try {
      const [attempt] = (await appaloft.deployments.list({ resourceId: resourceId, limit: 1 })).items
      recoveries.push(performance.now() - started)
      const { desired, drift } = await appaloft.resources.status(resourceId)
      if (attempt === undefined || attempt.id === before) return undefined
      if (desired !== null) live = desired.deploymentId
      expect(drift).toEqual([])
      expect(['succeeded', 'failed', 'interrupted']).toContain(attempt.status)
      // Served by the attempt, or not at all by it: as its status says.
      const answer = await fetch(url)
      expect(answer.headers.get('x-appaloft-deployment')).toBe(live)
      expect(attempt.status === 'succeeded').toBe(live === attempt.id)
      expect((await target.list(resourceId)).map((one) => one.deploymentId)).toEqual([live])
      expect(new Set(serving(folder))).toEqual(new Set([live]))
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
    const { appaloft } = compose(stateDir, on)
    const [attempt] = (await appaloft.deployments.list({ resourceId: resourceId, limit: 1 })).items
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

  return { engine, recovered, killedAt, open, end }
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
