// Events to 100 observers of one engine, from a store in memory.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAppaloft, memoryStore } from '@appaloft/core'
import { fakeTarget, sampleDeployment, sampleEvent, sampleHolder, sampleId } from '@appaloft/testkit'
import { anyPlanner } from './any-planner.mjs'
import { median, repeat, row, since, title } from './measure.mjs'

const observers = 100
const events = 2_000
const rounded = (count) => Math.round(count).toLocaleString('en')

export const observation = async ({ runs }) => {
  const folder = mkdtempSync(join(tmpdir(), 'appaloft-bench-'))
  const store = memoryStore()
  const fake = fakeTarget({ capabilities: { artifactKinds: ['image'] } })
  let building = () => {}
  const reached = new Promise((resolve) => {
    building = resolve
  })
  const build = async (input) => {
    building()
    await new Promise((_, reject) => input.signal.addEventListener('abort', () => reject(input.signal.reason)))
  }
  const engine = createAppaloft({ store, targets: [{ ...fake, build }], planners: [anyPlanner], stateDir: folder })
  try {
    const resource = { id: 'res_bench', source: { kind: 'docker-image', image: 'registry.test/app:1' } }
    const { id } = await engine.deployments.create({ resource })
    await reached
    title(`${observers} observers of a deployment, in memory`)
    for (const [name, batch] of Object.entries({ 'one by one': 1, 'in batches': 100 })) {
      const rates = await repeat(Math.min(runs, 5), () => fanOut(engine, store, id, batch))
      const rate = median(rates)
      row(name, `${rounded(rate)} events and ${rounded(rate * observers)} deliveries a second`)
    }
    const { reads, took } = await readsOfMany(memoryStore(), `${folder}-many`)
    row(
      'one of each',
      `${reads.toFixed(1)} reads of the store a commit, ${took.toFixed(2)} ms, of ${observers} deployments`,
    )
  } finally {
    rmSync(`${folder}-many`, { recursive: true, force: true })
    await engine.close({ mode: 'cancel' })
    await fake.world.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** How often the store is read for a commit, where each of many deployments has an observer of its own. */
async function readsOfMany(store, folder) {
  let reads = 0
  const counting = {
    ...store,
    readEvents: (...asked) => {
      reads += 1
      return store.readEvents(...asked)
    },
  }
  const engine = createAppaloft({ store: counting, targets: [fakeTarget()], planners: [anyPlanner], stateDir: folder })
  const ids = Array.from({ length: observers }, (_, i) => sampleId('dep', 1000 + i))
  for (const id of ids)
    await store.createDeployment({
      record: sampleDeployment({ id, resourceId: `res_${id.slice(-8)}` }),
      holder: { ...sampleHolder(), engineId: 'eng_other' },
      events: [sampleEvent('1')],
    })
  const streams = ids.map((id) => engine.deployments.events(id, { follow: true, cursor: '1', heartbeatSeconds: 0 }))
  const nexts = streams.map((stream) => stream.next())
  await new Promise((resolve) => setTimeout(resolve, 200))
  reads = 0
  const started = performance.now()
  for (const id of ids) {
    await store.commit({ deploymentId: id, guards: [], events: [sampleEvent('2')] })
    // Who was woken reads.
    await new Promise((resolve) => setImmediate(resolve))
  }
  await Promise.all(nexts)
  const took = since(started)
  for (const stream of streams) await stream.return()
  await engine.close({ mode: 'cancel' })
  return { reads: reads / ids.length, took: took / ids.length }
}

/** Events a second that all observers have, each whole and in order. */
async function fanOut(engine, store, id, batch) {
  const { last } = await store.readEvents(id, { limit: 0 })
  const all = Array.from({ length: observers }, async () => {
    const stream = engine.deployments.events(id, { follow: true, cursor: String(last) })
    for (let next = last + 1; next <= last + events; ) {
      const { value } = await stream.next()
      if (value.kind !== 'event') continue
      if (value.event.sequence !== next) throw new Error(`${value.event.sequence} came instead of ${next}`)
      next += 1
    }
    await stream.return()
  })
  // They wait by now.
  await new Promise((resolve) => setTimeout(resolve, 50))
  const started = performance.now()
  for (let done = 0; done < events; done += batch)
    await store.commit({
      deploymentId: id,
      guards: [],
      events: Array.from({ length: batch }, (_, i) => sampleEvent(`line ${done + i}`)),
    })
  await Promise.all(all)
  return (1000 * events) / since(started)
}
