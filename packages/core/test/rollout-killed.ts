import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Appaloft } from '../src/index.js'
import { activeStatuses, type RolloutOptions } from '../src/spec/index.js'
import { Mortal } from './dying.js'
import { Fleet } from './fleet.js'

export interface Killed {
  options: RolloutOptions
  /** Is there a release before it? */
  former: boolean
  /** How the new release starts. */
  command?: string
  /** Where it fails, by a start that does not work. */
  brokenOn?: string
  /** What happens between the death and the recovery. */
  meanwhile?(fleet: Fleet): void
}

type Moment = ConstructorParameters<typeof Mortal>[0]

/** One rollout whose engine dies at a boundary, and what is there when others have reconciled. Answers with the boundaries. */
export async function killed(run: Killed, ...moments: Moment[]): Promise<{ boundaries: string[]; how: string }> {
  const fleet = await Fleet.make()
  const dead: Appaloft[] = []
  try {
    const engine = fleet.engine(new Mortal(null).parts(fleet.scene.store, fleet.targets))
    if (run.former) await fleet.deployed(engine)
    const before = await live(fleet)
    const [first = null, ...later] = moments
    const mortal = new Mortal(first)
    fleet.intercept(async (key, when, { method }) => {
      if (method === 'start' && when === 'before' && key === run.brokenOn) throw new Error('it does not start')
      // One machine is slower than the other: so that they are not all promoted in the same moment.
      if (method === 'apply' && when === 'before') await delay(12 * fleet.keys.indexOf(key))
      // Of what was on its way when the engine died, some arrives and some does not.
      if (mortal.dead && first?.when === 'after') await new Promise(() => {})
    })
    const doomed = fleet.engine(mortal.parts(fleet.scene.store, fleet.targets))
    dead.push(doomed)
    const done = doomed.deployments
      .rollout({ resource: fleet.definition(run.command ?? 'serve text=new') }, run.options)
      .then((handle) => handle.done)
      .then(() => {})
    await overOrDead(done, mortal)
    const { boundaries } = mortal
    mortal.die()
    fleet.calm()
    run.meanwhile?.(fleet)
    // Those who recover die as well.
    for (const moment of later) {
      const next = new Mortal(moment)
      const recovering = fleet.engine(next.parts(fleet.scene.store, fleet.targets))
      dead.push(recovering)
      await overOrDead(
        recovering.reconcile().then(() => {}),
        next,
      )
      next.die()
    }
    const last = fleet.engine(new Mortal(null).parts(fleet.scene.store, fleet.targets))
    const report = await last.reconcile()
    expect(report.problems).toEqual([])
    const how = await whole(fleet, run, before)
    const again = await fleet.engine(new Mortal(null).parts(fleet.scene.store, fleet.targets)).reconcile()
    expect(again).toMatchObject({ ended: [], removed: [], routed: [], problems: [] })
    // And nobody is kept from the next one.
    const next = await last.deployments.rollout({ resource: fleet.definition('serve text=next') }, { batch: 3 })
    expect((await next.done).status).toBe('succeeded')
    return { boundaries, how }
  } finally {
    await fleet.close(dead)
  }
}

async function overOrDead(done: Promise<void>, mortal: Mortal): Promise<void> {
  let over = false
  const finished = done.then(
    () => {
      over = true
    },
    (error) => {
      over = true
      throw error
    },
  )
  while (!over && !mortal.dead) await Promise.race([finished, new Promise((resolve) => setTimeout(resolve, 2))])
  finished.catch(() => {})
}

/** The release that is live on each machine. */
async function live(fleet: Fleet): Promise<Record<string, string | undefined>> {
  const resource = await fleet.scene.store.getResource('res_shop')
  return Object.fromEntries(fleet.keys.map((key) => [key, resource?.live[key]?.releaseId]))
}

/** Nothing is under way, every machine serves what is live there, and where it was to be, all have it or none. */
async function whole(
  fleet: Fleet,
  { options, former, meanwhile }: Killed,
  before: Record<string, string | undefined>,
): Promise<string> {
  const { store } = fleet.scene
  expect(await store.listDeployments({ statuses: activeStatuses })).toEqual([])
  const resource = await store.getResource('res_shop')
  const wanted = Object.fromEntries(fleet.keys.map((key) => [key, resource?.live[key]?.deploymentId ?? null]))
  expect(await fleet.serving()).toEqual(wanted)
  expect(await fleet.owned()).toEqual(
    Object.fromEntries(Object.entries(wanted).map(([key, id]) => [key, id === null ? [] : [id]])),
  )
  const after = await live(fleet)
  const changed = fleet.keys.filter((key) => after[key] !== before[key]).length
  if (options.promote === 'together' || options.onFailure === 'rollback')
    expect([0, fleet.keys.length]).toContain(changed)
  // What is held until all serve needs no attempt of its own to go back: what was live before still runs.
  const undoing = (await store.listDeployments()).filter((one) => one.request.rollout?.undoes !== undefined)
  if ((options.promote === 'together' || !former) && meanwhile === undefined) expect(undoing).toEqual([])
  return changed === 0 ? 'none' : changed === fleet.keys.length ? 'all' : 'some'
}
