import { fakeTarget } from '@appaloft/testkit'
import { expect, it } from 'vitest'
import { hurried, Scene, visit } from '../../test/engine.js'
import { memoryStore } from '../index.js'
import { isTerminal } from '../spec/phases.js'

const id = 'res_shop'
/** Leases stand still for long by design. */
const times = 60

/** The calls of one engine, until it dies: of what it asks then nothing happens, and nothing is answered. */
class Life {
  count = 0
  /** What it was about to do. */
  last = ''
  #end = Number.POSITIVE_INFINITY
  readonly over: Promise<void>
  #died = () => {}

  constructor() {
    this.over = new Promise((resolve) => {
      this.#died = resolve
    })
  }

  endsAfter(calls: number): void {
    this.count = 0
    this.#end = calls
  }

  /** The object, whose named methods count; all of them fall silent. */
  of<T extends object>(part: T, name: string, counts: (method: string) => boolean): T {
    return new Proxy(part, {
      get: (inner, key) => {
        const value = Reflect.get(inner, key)
        if (typeof value === 'object' && value !== null && ['proxy', 'records', 'lease'].includes(String(key)))
          return this.of(value, String(key), counts)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          if (counts(`${name}.${String(key)}`) && this.count < this.#end && ++this.count === this.#end) {
            this.last = `${name}.${String(key)}`
            this.#died()
          }
          return this.count >= this.#end && key !== 'close' ? new Promise(() => {}) : value.apply(inner, args)
        }
      },
    })
  }
}

/** Every boundary of its journal, and every effect on the machine. */
const counted = new Set([
  ...[
    'store.commit',
    'target.fence',
    'target.build',
    'target.start',
    'target.promoted',
    'target.stop',
    'target.remove',
  ],
  ...['proxy.apply', 'records.put', 'records.remove', 'lease.release'],
])

/** Its first deployment succeeds, and it dies in the second. @returns where; null: it did not */
async function deathAfter(calls: number): Promise<string | null> {
  const scene = await Scene.make()
  const life = new Life()
  const counts = (name: string) => counted.has(name)
  const a = scene.engine({
    store: life.of(scene.store, 'store', counts),
    targets: [life.of(fakeTarget({ world: scene.world }), 'target', counts)],
    clock: hurried(times),
  })
  try {
    const one = await scene.deployed(a, 'serve text=one')
    await scene.touch('two')
    life.endsAfter(calls)
    const two = await a.deployments.create({ resource: scene.definition('serve text=two') })
    const ended = await Promise.race([two.done.then(() => true), life.over.then(() => false)])
    if (ended) return null

    const store = memoryStore()
    const b = scene.engine({ store, clock: hurried(times) })
    const report = await b.reconcile()
    expect(report.problems, life.last).toEqual([])
    const { live = {} } = (await store.getResource(id)) ?? {}
    const serving = live.fake?.deploymentId ?? ''
    expect([one.id, two.id], life.last).toContain(serving)
    expect(await visit(one.accessUrls[0] ?? ''), life.last).toEqual({ status: 200, deployment: serving })
    expect(await scene.owned(), life.last).toEqual([serving])
    const { items } = await b.deployments.list()
    expect(items.every(({ status }) => isTerminal(status))).toBe(true)
    expect((await b.deployments.show(serving)).status).toBe('succeeded')
    // It goes on from there.
    const three = await scene.deployed(b, 'serve text=three')
    expect(three, life.last).toMatchObject({ status: 'succeeded', failure: null })
    const back = await (await b.deployments.rollback(id)).done
    expect(back, life.last).toMatchObject({ status: 'succeeded', release: { deploymentId: serving } })
    // And who died finds what became of it, and touches nothing.
    const again = scene.engine({ clock: hurried(times) })
    expect((await again.reconcile()).problems, life.last).toEqual([])
    expect(isTerminal((await scene.store.getDeployment(two.id))!.status), life.last).toBe(true)
    expect(await visit(one.accessUrls[0] ?? ''), life.last).toEqual({ status: 200, deployment: back.id })
    expect((await scene.store.getResource(id))?.live.fake?.deploymentId, life.last).toBe(back.id)
    return `${calls} ${life.last} → ${serving === two.id ? 'two' : 'one'}`
  } finally {
    await scene.close({ dead: [a] })
  }
}

it('wherever an engine dies, one with an empty store brings the machine to a truthful end', {
  timeout: 600_000,
}, async () => {
  const deaths: string[] = []
  // Before a candidate starts, nothing of it is on the machine: those are for the long run.
  for (let calls = process.env.APPALOFT_SOAK ? 1 : 11; calls < 100; calls++) {
    const where = await deathAfter(calls)
    if (where === null) break
    deaths.push(where)
  }
  console.log(deaths.join('\n'))
  expect(deaths.length).toBeGreaterThan(15)
  expect(deaths.some((one) => one.endsWith('one'))).toBe(true)
  expect(deaths.some((one) => one.endsWith('two'))).toBe(true)
})
