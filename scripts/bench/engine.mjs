// The engine's own time for a deployment, on a target that answers at once; memory of an idle and an active deployment.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAppaloft, memoryStore } from '@appaloft/core'
import { FakeWorld, fakeTarget } from '@appaloft/testkit'
import { anyPlanner } from './any-planner.mjs'
import { median, ms, repeat, row, since, title } from './measure.mjs'

const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`

/** Answers every probe at once, as the proxy's table says. */
const instantProber = (world) => ({
  async request(_address, { headers = {} }) {
    const token = headers['x-appaloft-verify']
    for (const { live, staged, verify } of world.tables.values()) {
      if (token === undefined || verify?.token !== token) continue
      return { status: 200, headers: { 'x-appaloft-deployment': (staged ?? live)?.deploymentId }, body: 'ok' }
    }
    return { status: 200, headers: {}, body: 'ok' }
  },
  dial: async () => undefined,
  lookup: async () => '127.0.0.1',
})

const composed = (stateDir) => {
  const world = new FakeWorld()
  const target = fakeTarget({ world, capabilities: { artifactKinds: ['image'] } })
  const engine = createAppaloft({
    stateDir,
    store: memoryStore(),
    targets: [target],
    planners: [anyPlanner],
    prober: instantProber(world),
  })
  return { world, engine }
}
const definition = (id, version) => ({
  id,
  source: { kind: 'docker-image', image: 'registry.test/app:1' },
  network: { drainSeconds: 0 },
  health: { path: '/' },
  environment: { VERSION: { value: version } },
})

export const engine = async ({ runs }) => {
  const folder = mkdtempSync(join(tmpdir(), 'appaloft-bench-'))
  const { world, engine } = composed(join(folder, 'state'))
  try {
    const deploy = async (version) => {
      const started = performance.now()
      const { status, failure } = await (
        await engine.deployments.create({ resource: definition('res_bench', version) })
      ).done
      if (status !== 'succeeded') throw new Error(`${status}: ${failure?.message}`)
      return since(started)
    }
    await repeat(20, (run) => deploy(`warm ${run}`))
    const before = process.cpuUsage()
    const count = runs * 5
    const took = median(await repeat(count, (run) => deploy(String(run))))
    const { user, system } = process.cpuUsage(before)
    title('The engine, on a target that answers at once')
    row('a deployment', `${ms(took)}, of which ${ms((user + system) / 1000 / count)} computing (aim: 10)`)
    await memory(engine, world)
  } finally {
    await engine.close({ mode: 'cancel' })
    await world.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Growth of the heap by deployments that wait in their start, each with its lease and its heartbeat. */
const memory = async (engine, world) => {
  const count = 200
  const heap = () => {
    globalThis.gc?.()
    return process.memoryUsage().heapUsed
  }
  const idle = heap()
  const held = []
  let open = () => undefined
  const gate = new Promise((resolve) => {
    open = resolve
  })
  world.intercept = (when, call) => (when === 'before' && call.method === 'start' ? gate : undefined)
  for (let i = 0; i < count; i++)
    held.push(await engine.deployments.create({ resource: definition(`res_held${i}`, 'held') }))
  const started = () =>
    world.calls.filter((call) => call.method === 'start' && call.resourceId?.startsWith('res_held')).length
  while (started() < count) await new Promise((resolve) => setTimeout(resolve, 10))
  const active = heap()
  world.intercept = null
  open()
  await Promise.all(held.map((one) => one.done))
  const { rss } = process.memoryUsage()
  row(
    'memory',
    `${mib(idle)} of heap idle, ${((active - idle) / count / 1024).toFixed(0)} KiB more for each active deployment; ${mib(rss)} resident`,
  )
}
